with

recommendations as (

    select * from {{ ref('recommendations') }}
    where recommendation_rank <= {{ var('playlist_length') }}

),

served_lists as (

    select * from {{ ref('stg_served_lists') }}

),

build_clock as (

    select
        as_of,
        week_start
    from {{ ref('build_clock') }}

),

listeners as (

    select
        user_id,
        user_index,
        experiment
    from {{ ref('listeners') }}

)

-- a listener of an earlier week may be unknown now
select
    served_lists.week_start,
    served_lists.user_id,
    listeners.user_index,
    served_lists.playlist_rank,
    served_lists.song_id,
    served_lists.blended_score,
    served_lists.primary_channel,
    served_lists.reason,
    served_lists.as_of,
    served_lists.variant,
    served_lists.experiment
from served_lists
left join listeners using (user_id)
union all
select
    build_clock.week_start,
    recommendations.user_id,
    recommendations.user_index,
    recommendations.recommendation_rank as playlist_rank,
    recommendations.song_id,
    recommendations.blended_score,
    recommendations.primary_channel,
    recommendations.reason,
    build_clock.as_of,
    recommendations.variant,
    listeners.experiment
from recommendations
inner join listeners using (user_index)
cross join build_clock
