with

build_clock as (

    select week_start from {{ ref('build_clock') }}

),

weekly_lists as (

    select
        *,
        lag(listeners_served) over (order by week_start) as listeners_served_before
    from {{ ref('weekly_lists') }}

),

listeners as (

    select count(*) as known from {{ ref('listeners') }}

),

this_weeks_lists as (

    select
        weekly_lists.*,
        -- with no week to compare with, everybody who is known
        coalesce(nullif(weekly_lists.listeners_served_before, 0), listeners.known)
            as listeners_expected
    from weekly_lists
    inner join build_clock using (week_start)
    cross join listeners

),

weekly_exposure as (

    select weekly_exposure.gini
    from {{ ref('weekly_exposure') }} as weekly_exposure
    inner join build_clock using (week_start)

),

responses as (

    select * from {{ ref('weekly_responses') }}
    where primary_channel = 'all'
    qualify week_start = max(week_start) over ()

)

select
    'listeners_served' as check_name,
    cast(null as string) as subject,
    listeners_served / nullif(listeners_expected, 0) as check_value
from this_weeks_lists
union all
select
    'songs_served' as check_name,
    null as subject,
    songs_served / nullif(least(places, recommendable_songs), 0) as check_value
from this_weeks_lists
union all
select
    'creator_gini' as check_name,
    null as subject,
    gini as check_value
from weekly_exposure
union all
select
    'songs_played' as check_name,
    null as subject,
    max(share_of_places) as check_value
from responses
where interaction_type in ('play', 'complete')
union all
select
    'songs_disliked' as check_name,
    null as subject,
    max(share_of_places) as check_value
from responses
where interaction_type = 'dislike'
