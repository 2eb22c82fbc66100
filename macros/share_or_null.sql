{# A variable that is a share as a SQL literal; a compiler error unless 0 to 1 or null. #}
{% macro share_or_null(name) %}
    {%- set value = var(name) -%}
    {%- if value is none -%}
        {{ return('null') }}
    {%- endif -%}
    {#- a comparison with NaN is false, and true counts as a number -#}
    {%- if value is boolean or value is not number or not (0 <= value <= 1) -%}
        {{ exceptions.raise_compiler_error(
            name ~ " is '" ~ value ~ "'; use a number from 0 to 1, or null."
        ) }}
    {%- endif -%}
    {{ return(value | string) }}
{% endmacro %}
