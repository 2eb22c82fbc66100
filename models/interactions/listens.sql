with

interactions as (

    select * from {{ ref('stg_interactions') }}

),

catalogue as (

    select
        song_id,
        song_index,
        creator_id
    from {{ ref('catalogue') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

past_interactions as (

    select
        interactions.*,
        catalogue.song_index,
        coalesce(interactions.user_id = catalogue.creator_id, false) as is_own_song
    from interactions
    inner join catalogue using (song_id)
    cross join build_clock
    where interactions.occurred_at < build_clock.as_of

),

-- only days above the cap are sorted
flooded_days as (

    select
        user_id,
        date_trunc('day', occurred_at) as occurred_on
    from past_interactions
    where occurred_at > timestamp '1970-01-01'
    group by all
    having count(*) > {{ var('max_plays_per_day') }}

),

flooding_interactions as (

    select
        past_interactions.user_id,
        past_interactions.song_id,
        past_interactions.interaction_type,
        past_interactions.occurred_at
    from past_interactions
    inner join flooded_days
        on
            past_interactions.user_id = flooded_days.user_id
            and date_trunc('day', past_interactions.occurred_at)
            = flooded_days.occurred_on
    qualify
        row_number() over (
            partition by past_interactions.user_id, flooded_days.occurred_on
            order by
                past_interactions.occurred_at,
                past_interactions.song_id,
                past_interactions.interaction_type
        ) > {{ var('max_plays_per_day') }}

)

select
    past_interactions.user_id,
    past_interactions.song_id,
    past_interactions.song_index,
    past_interactions.interaction_type,
    past_interactions.occurred_at,
    past_interactions.weight,
    past_interactions.type_weight,
    past_interactions.type_weight > 0 as is_positive,
    -- heard all the same, but no evidence of taste
    not past_interactions.is_own_song
    and flooding_interactions.user_id is null as is_counted
from past_interactions
left join flooding_interactions
    on
        past_interactions.user_id = flooding_interactions.user_id
        and past_interactions.song_id = flooding_interactions.song_id
        and past_interactions.interaction_type = flooding_interactions.interaction_type
        and past_interactions.occurred_at = flooding_interactions.occurred_at
