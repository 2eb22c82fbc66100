{#
    The key of a model: fails for rows that share their values in all of `columns`
    with another row, and for rows in which one of them is null. `nullable_columns`
    may be null, and two nulls count as the same value.
#}
{% test unique_combination(model, columns, nullable_columns=[]) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns if column not in nullable_columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
