{# The sum of a list of numbers. #}
{% macro list_sum(items) -%}
    {{ return(adapter.dispatch('list_sum')(items)) }}
{%- endmacro %}

{% macro duckdb__list_sum(items) -%}
    list_sum({{ items }})
{%- endmacro %}

{% macro spark__list_sum(items) -%}
    aggregate({{ items }}, cast(0 as double), (total, item) -> total + item)
{%- endmacro %}
