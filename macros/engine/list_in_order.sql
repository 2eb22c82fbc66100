{# The values of a group as a list, in ascending order of `keys`. #}
{% macro list_in_order(value, keys) -%}
    {{ return(adapter.dispatch('list_in_order')(value, keys)) }}
{%- endmacro %}

{% macro duckdb__list_in_order(value, keys) -%}
    list({{ value }} order by {{ keys | join(', ') }})
{%- endmacro %}

{% macro spark__list_in_order(value, keys) -%}
    transform(
        array_sort(collect_list(struct({{ keys | join(', ') }}, {{ value }} as item))),
        element -> element.item
    )
{%- endmacro %}
