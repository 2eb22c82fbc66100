{# A list of SQL expressions. #}
{% macro new_list(items) -%}
    {{ return(adapter.dispatch('new_list')(items)) }}
{%- endmacro %}

{% macro duckdb__new_list(items) -%}
    [{{ items | join(', ') }}]
{%- endmacro %}

{% macro spark__new_list(items) -%}
    array({{ items | join(', ') }})
{%- endmacro %}
