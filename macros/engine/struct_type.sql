{# The type of structs with these fields, types by name. #}
{% macro struct_type(fields) -%}
    {{ return(adapter.dispatch('struct_type')(fields)) }}
{%- endmacro %}

{% macro duckdb__struct_type(fields) -%}
    struct(
        {%- for name, type in fields.items() %}
        {{ name }} {{ type }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{% macro spark__struct_type(fields) -%}
    struct<
        {%- for name, type in fields.items() %}
        {{ name }}: {{ type }}{{ ',' if not loop.last }}
        {%- endfor %}
    >
{%- endmacro %}
