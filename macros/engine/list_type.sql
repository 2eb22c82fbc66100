{# The type of lists of a type; `length` is that of all of them, if it is known. #}
{% macro list_type(type, length=none) -%}
    {{ return(adapter.dispatch('list_type')(type, length)) }}
{%- endmacro %}

{% macro duckdb__list_type(type, length) -%}
    {{ type }}[{{ length or '' }}]
{%- endmacro %}

{% macro spark__list_type(type, length) -%}
    array<{{ type }}>
{%- endmacro %}
