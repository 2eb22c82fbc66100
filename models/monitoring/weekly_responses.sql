with

build_clock as (

    select
        as_of,
        week_start
    from {{ ref('build_clock') }}

),

interactions as (

    select
        user_id,
        song_id,
        interaction_type,
        occurred_at
    from {{ ref('stg_interactions') }}

),

interaction_types as (

    select interaction_type from {{ ref('interaction_weights') }}

),

-- weeks that are over
served_lists as (

    select
        served_lists.week_start,
        served_lists.user_id,
        served_lists.song_id,
        coalesce(served_lists.primary_channel, 'unknown') as primary_channel
    from {{ ref('stg_served_lists') }} as served_lists
    inner join build_clock
        on
            served_lists.week_start + 7 <= build_clock.as_of
            and served_lists.week_start
            > build_clock.week_start - {{ 7 * var('monitored_weeks') }}

),

places as (

    select
        week_start,
        primary_channel,
        count(*) as places
    from served_lists
    group by week_start, primary_channel

),

-- what a listener does ten times with a song is one response
responses as (

    select
        served_lists.week_start,
        served_lists.primary_channel,
        interactions.interaction_type,
        count(distinct [served_lists.user_id, served_lists.song_id]) as responses
    from served_lists
    inner join interactions
        on
            served_lists.user_id = interactions.user_id
            and served_lists.song_id = interactions.song_id
            and served_lists.week_start <= interactions.occurred_at
            and served_lists.week_start + 7 > interactions.occurred_at
    group by all

)

-- each channel, and all of them together
select
    places.week_start,
    channels.channel as primary_channel,
    interaction_types.interaction_type,
    cast(sum(places.places) as bigint) as places,
    cast(coalesce(sum(responses.responses), 0) as bigint) as responses,
    coalesce(sum(responses.responses), 0) / sum(places.places) as share_of_places
from places
cross join unnest([places.primary_channel, 'all']) as channels (channel)
cross join interaction_types
left join responses
    on
        places.week_start = responses.week_start
        and places.primary_channel = responses.primary_channel
        and interaction_types.interaction_type = responses.interaction_type
group by places.week_start, channels.channel, interaction_types.interaction_type
