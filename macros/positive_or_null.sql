{# A variable as a SQL literal; a compiler error unless a number above 0, or null. #}
{% macro positive_or_null(name) %}
    {%- set value = var(name) -%}
    {%- if value is none -%}
        {{ return('null') }}
    {%- endif -%}
    {#- a comparison with NaN is false, and true counts as a number -#}
    {%- if value is boolean or value is not number or not (0 < value < 1e300) -%}
        {{ exceptions.raise_compiler_error(
            name ~ " is '" ~ value ~ "'; use a number above 0, or null."
        ) }}
    {%- endif -%}
    {{ return(value | string) }}
{% endmacro %}
