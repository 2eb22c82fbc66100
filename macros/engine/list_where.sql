{# The items of a list, each called `name`, for which a condition is true. #}
{% macro list_where(items, name, condition) -%}
    {{ return(adapter.dispatch('list_where')(items, name, condition)) }}
{%- endmacro %}

{% macro duckdb__list_where(items, name, condition) -%}
    list_filter({{ items }}, lambda {{ name }}: {{ condition }})
{%- endmacro %}

{% macro spark__list_where(items, name, condition) -%}
    filter({{ items }}, {{ name }} -> {{ condition }})
{%- endmacro %}
