{# One row per item of a list, among the columns of a select. #}
{% macro unnest_list(items) -%}
    {{ return(adapter.dispatch('unnest_list')(items)) }}
{%- endmacro %}

{% macro duckdb__unnest_list(items) -%}
    unnest({{ items }})
{%- endmacro %}

{% macro spark__unnest_list(items) -%}
    explode({{ items }})
{%- endmacro %}
