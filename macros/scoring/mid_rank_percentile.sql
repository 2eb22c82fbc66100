{#
    Share of the songs below, counting half of those that are equal: 0.5 for a signal
    that is constant, and for a song that does not have it.
#}
{% macro mid_rank_percentile(signal) -%}
    case
        when {{ signal }} is null then 0.5
        else (
            -- songs without the signal come last and are not counted
            rank() over (order by {{ signal }} nulls last) - 1
            + count(*) over (partition by {{ signal }}) / 2
        ) / count({{ signal }}) over ()
    end
{%- endmacro %}
