{# The first item of a list, null if there is none. #}
{% macro list_first(items) -%}
    {{ return(adapter.dispatch('list_first')(items)) }}
{%- endmacro %}

{% macro duckdb__list_first(items) -%}
    list_extract({{ items }}, 1)
{%- endmacro %}

{% macro spark__list_first(items) -%}
    get({{ items }}, 0)
{%- endmacro %}
