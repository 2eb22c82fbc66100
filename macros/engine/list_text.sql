{# The items of a list as one text. #}
{% macro list_text(items, separator) -%}
    {{ return(adapter.dispatch('list_text')(items, separator)) }}
{%- endmacro %}

{% macro duckdb__list_text(items, separator) -%}
    array_to_string({{ items }}, '{{ separator }}')
{%- endmacro %}

{% macro spark__list_text(items, separator) -%}
    array_join({{ items }}, '{{ separator }}')
{%- endmacro %}
