with

discover_weekly as (

    select * from {{ ref('discover_weekly') }}

),

recommendations as (

    select
        user_id,
        recommendation_rank as playlist_rank,
        song_id,
        blended_score,
        reason
    from {{ ref('recommendations') }}
    where recommendation_rank <= {{ var('playlist_length') }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

),

this_week as (

    select
        discover_weekly.user_id,
        discover_weekly.playlist_rank,
        discover_weekly.song_id,
        discover_weekly.blended_score,
        discover_weekly.reason
    from discover_weekly
    inner join build_clock using (week_start)

),

only_served as (

    select * from this_week
    except all
    select * from recommendations

),

only_recommended as (

    select * from recommendations
    except all
    select * from this_week

)

select
    *,
    'not recommended' as problem
from only_served
union all
select
    *,
    'not served' as problem
from only_recommended
