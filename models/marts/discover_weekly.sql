with

recommendations as (

    select * from {{ ref('recommendations') }}
    where recommendation_rank <= {{ var('playlist_length') }}

),

served_lists as (

    select * from {{ ref('stg_served_lists') }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

)

select
    week_start,
    user_id,
    playlist_rank,
    song_id,
    blended_score,
    reason
from served_lists
union all
select
    build_clock.week_start,
    recommendations.user_id,
    recommendations.recommendation_rank as playlist_rank,
    recommendations.song_id,
    recommendations.blended_score,
    recommendations.reason
from recommendations
cross join build_clock
