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

-- each channel, and all of them together
shown_places as (

    select
        week_start,
        primary_channel,
        places,
        {{ unnest_list(new_list(['primary_channel', "'all'"])) }} as channel
    from places

),

-- what a listener does ten times with a song is one response
distinct_responses as (

    select distinct
        served_lists.week_start,
        served_lists.primary_channel,
        served_lists.user_id,
        served_lists.song_id,
        interactions.interaction_type
    from served_lists
    inner join interactions
        on
            served_lists.user_id = interactions.user_id
            and served_lists.song_id = interactions.song_id
            and served_lists.week_start <= interactions.occurred_at
            and served_lists.week_start + 7 > interactions.occurred_at

),

responses as (

    select
        week_start,
        primary_channel,
        interaction_type,
        count(*) as responses
    from distinct_responses
    group by week_start, primary_channel, interaction_type

)

select
    shown_places.week_start,
    shown_places.channel as primary_channel,
    interaction_types.interaction_type,
    cast(sum(shown_places.places) as bigint) as places,
    cast(coalesce(sum(responses.responses), 0) as bigint) as responses,
    coalesce(sum(responses.responses), 0) / sum(shown_places.places) as share_of_places
from shown_places
cross join interaction_types
left join responses
    on
        shown_places.week_start = responses.week_start
        and shown_places.primary_channel = responses.primary_channel
        and interaction_types.interaction_type = responses.interaction_type
group by
    shown_places.week_start,
    shown_places.channel,
    interaction_types.interaction_type
