{# The cosine of the angle between two lists of numbers. #}
{% macro cosine_similarity(one, other) -%}
    {{ return(adapter.dispatch('cosine_similarity')(one, other)) }}
{%- endmacro %}

{% macro duckdb__cosine_similarity(one, other) -%}
    list_cosine_similarity({{ one }}, {{ other }})
{%- endmacro %}

{% macro spark__cosine_similarity(one, other) -%}
    {{ dot_product(one, other) }}
        / sqrt({{ dot_product(one, one) }} * {{ dot_product(other, other) }})
{%- endmacro %}
