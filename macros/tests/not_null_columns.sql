{# Fails for rows in which one of `columns` is null: one scan for all of them. #}
{% test not_null_columns(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where
    {% for column in columns -%}
    {{ column }} is null{{ ' or ' if not loop.last }}
    {%- endfor %}
{% endtest %}
