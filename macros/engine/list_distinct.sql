{# The items of a list without repeats, in their first order. #}
{% macro list_distinct(items) -%}
    {{ return(adapter.dispatch('list_distinct')(items)) }}
{%- endmacro %}

{% macro duckdb__list_distinct(items) -%}
    list_filter(
        {{ items }},
        lambda item, place: list_position({{ items }}, item) = place
    )
{%- endmacro %}

{% macro spark__list_distinct(items) -%}
    array_distinct({{ items }})
{%- endmacro %}
