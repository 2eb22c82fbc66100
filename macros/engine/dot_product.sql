{# The sum of the products of two lists of numbers, item by item. #}
{% macro dot_product(one, other) -%}
    {{ return(adapter.dispatch('dot_product')(one, other)) }}
{%- endmacro %}

{% macro duckdb__dot_product(one, other) -%}
    list_dot_product({{ one }}, {{ other }})
{%- endmacro %}

{% macro spark__dot_product(one, other) -%}
    aggregate(
        zip_with(
            {{ one }}, {{ other }}, (x, y) -> cast(x as double) * cast(y as double)
        ),
        cast(0 as double),
        (total, product) -> total + product
    )
{%- endmacro %}
