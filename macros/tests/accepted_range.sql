{#
    Fails for values below `min_value`, not above `above`, over `max_value`, NaN,
    infinite, or null unless `nullable`. On a column, or on a model with `columns`,
    which may be expressions: `list_sum(embedding)` is finite if all of a vector is.
#}
{% test accepted_range(
    model,
    columns=none,
    column_name=none,
    min_value=none,
    above=none,
    max_value=none,
    nullable=false
) %}
{#- NaN and infinity sort above every number, so that a bound refuses them too -#}
{%- set largest = '1e300' -%}
{%- set values = columns or [column_name] -%}
select {{ values | join(', ') }}
from {{ model }}
where
    {% for value in values -%}
    {{ value }} > {{ largest if max_value is none else max_value }}
    or {{ value }} < {{ '-' ~ largest if min_value is none else min_value }}
    {%- if above is not none %}
    or {{ value }} <= {{ above }}
    {%- endif %}
    {%- if not nullable %}
    or {{ value }} is null
    {%- endif %}
    {%- if not loop.last %}
    or {% endif %}
    {%- endfor %}
{% endtest %}
