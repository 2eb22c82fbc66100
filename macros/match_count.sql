{# How often a pattern is found in a text. #}
{% macro match_count(text, pattern) -%}
    {{ list_length("regexp_extract_all(" ~ text ~ ", '" ~ pattern ~ "', 0)") }}
{%- endmacro %}
