{# A list with an expression of each item, which the expression calls `name`. #}
{% macro list_map(items, name, expression) -%}
    {{ return(adapter.dispatch('list_map')(items, name, expression)) }}
{%- endmacro %}

{% macro duckdb__list_map(items, name, expression) -%}
    list_transform({{ items }}, lambda {{ name }}: {{ expression }})
{%- endmacro %}

{% macro spark__list_map(items, name, expression) -%}
    transform({{ items }}, {{ name }} -> {{ expression }})
{%- endmacro %}
