{# The date as YYYY-MM-DD, or a compiler error that says what was expected. #}
{% macro valid_date(value) %}
    {%- set text = value | string -%}
    {%- if not modules.re.fullmatch('\d{4}-\d{2}-\d{2}', text) -%}
        {{ exceptions.raise_compiler_error(
            "as_of is '" ~ text ~ "'; write it as YYYY-MM-DD, a UTC midnight."
        ) }}
    {%- endif -%}
    {{ return(text) }}
{% endmacro %}
