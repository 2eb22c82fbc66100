{# The name, or a compiler error: letters, digits, _ and - only. #}
{% macro valid_name(value) %}
    {%- if not modules.re.fullmatch('[A-Za-z0-9_-]{1,64}', value | string) -%}
        {{ exceptions.raise_compiler_error(
            "'" ~ value ~ "' is no name; use letters, digits, _ and -."
        ) }}
    {%- endif -%}
    {{ return(value | string) }}
{% endmacro %}
