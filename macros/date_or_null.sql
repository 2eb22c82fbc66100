{# A date variable as a SQL literal; a compiler error unless it is YYYY-MM-DD or empty. #}
{% macro date_or_null(value) %}
    {%- if value is none or value == '' -%}
        {{ return('null') }}
    {%- endif -%}
    {%- if not modules.re.fullmatch('\d{4}-\d{2}-\d{2}', value | string) -%}
        {{ exceptions.raise_compiler_error(
            "as_of is '" ~ value ~ "'; write it as YYYY-MM-DD, a UTC midnight."
        ) }}
    {%- endif -%}
    {{ return("'" ~ value ~ "'") }}
{% endmacro %}
