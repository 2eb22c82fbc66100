with

interactions as (

    select
        user_id,
        song_id,
        occurred_at
    from {{ ref('stg_interactions') }}
    where type_weight > 0

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

catalogue as (

    select
        song_id,
        song_index,
        creator_id
    from {{ ref('catalogue') }}

),

listens as (

    select
        user_id,
        song_index
    from {{ ref('listens') }}

),

-- the only look past as_of: nothing but the evaluation reads it
later_listens as (

    select
        interactions.user_id,
        interactions.song_id
    from interactions
    inner join build_clock
        on
            interactions.occurred_at >= build_clock.as_of
            and interactions.occurred_at
            < build_clock.as_of + interval {{ var('evaluation_days') }} day

)

select distinct
    later_listens.user_id,
    catalogue.song_index
from later_listens
inner join catalogue using (song_id)
anti join listens using (user_id, song_index)
where coalesce(later_listens.user_id != catalogue.creator_id, true)
