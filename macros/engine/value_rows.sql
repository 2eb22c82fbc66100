{# A table of one column, for a list of numbers and texts. #}
{% macro value_rows(items, column) -%}
    (
        values
        {%- for item in items %}
        ({{ "'" ~ item ~ "'" if item is string else item }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as listed ({{ column }})
{%- endmacro %}
