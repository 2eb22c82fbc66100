{#
    The mean of a metric over listeners, its standard error (null for fewer than two)
    and how many listeners have a value, as <metric>_mean, _error and _users.
#}
{% macro mean_and_error(metric) -%}
    cast(sum(cast({{ metric }} as decimal(18, 12))) as double)
        / nullif(count({{ metric }}), 0) as {{ metric }}_mean,
    case
        when count({{ metric }}) < 2 then null
        -- rounding would leave a trace
        when max({{ metric }}) = min({{ metric }}) then 0
        else sqrt(greatest(
            cast(sum(cast({{ metric }} * {{ metric }} as decimal(18, 12))) as double)
            - pow(cast(sum(cast({{ metric }} as decimal(18, 12))) as double), 2)
                / count({{ metric }}),
            0
        ) / (count({{ metric }}) - 1) / count({{ metric }}))
    end as {{ metric }}_error,
    count({{ metric }}) as {{ metric }}_users
{%- endmacro %}
