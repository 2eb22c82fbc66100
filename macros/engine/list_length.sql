{# The number of items of a list. #}
{% macro list_length(items) -%}
    {{ return(adapter.dispatch('list_length')(items)) }}
{%- endmacro %}

{% macro duckdb__list_length(items) -%}
    len({{ items }})
{%- endmacro %}

{% macro spark__list_length(items) -%}
    cast(cardinality({{ items }}) as bigint)
{%- endmacro %}
