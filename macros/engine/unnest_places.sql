{# One row per item of a list, in two columns: the item, and its place from 0. #}
{% macro unnest_places(items, item, place) -%}
    {{ return(adapter.dispatch('unnest_places')(items, item, place)) }}
{%- endmacro %}

{% macro duckdb__unnest_places(items, item, place) -%}
    unnest({{ items }}) as {{ item }},
    unnest(range(len({{ items }}))) as {{ place }}
{%- endmacro %}

{% macro spark__unnest_places(items, item, place) -%}
    posexplode({{ items }}) as ({{ place }}, {{ item }})
{%- endmacro %}
