with

score_histograms as (

    select * from {{ ref('score_histograms') }}

),

weeks as (

    select
        week_start,
        lag(week_start) over (order by week_start) as previous_week_start
    from score_histograms
    group by week_start

),

side_by_side as (

    select
        histograms.week_start,
        histograms.channel,
        weeks.previous_week_start,
        histograms.candidates,
        sum(histograms.candidates) over channel_of_week as all_candidates,
        before.candidates as candidates_before,
        sum(before.candidates) over channel_of_week as all_candidates_before
    from score_histograms as histograms
    inner join weeks
        on histograms.week_start = weeks.week_start
    left join score_histograms as before
        on
            weeks.previous_week_start = before.week_start
            and histograms.channel = before.channel
            and histograms.score_bin = before.score_bin
    window
        channel_of_week as (partition by histograms.week_start, histograms.channel)

),

-- the logarithm needs a share above 0; a channel that fell silent has drifted
shares as (

    select
        *,
        greatest(coalesce(candidates / nullif(all_candidates, 0), 0), 0.0001)
            as share,
        greatest(
            coalesce(candidates_before / nullif(all_candidates_before, 0), 0), 0.0001
        ) as share_before
    from side_by_side

),

-- decimals, because sums of doubles depend on the order
terms as (

    select
        *,
        cast((share - share_before) * ln(share / share_before) as decimal(18, 9))
            as term
    from shares

)

select
    week_start,
    channel,
    previous_week_start,
    cast(any_value(all_candidates) as bigint) as candidates,
    cast(any_value(all_candidates_before) as bigint) as candidates_before,
    case when previous_week_start is not null then cast(sum(term) as double) end
        as population_stability_index
from terms
group by week_start, channel, previous_week_start
