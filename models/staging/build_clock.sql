with

song_exports as (

    select created_at from {{ ref('stg_song_exports') }}

),

interactions as (

    select occurred_at from {{ ref('stg_interactions') }}

),

newest as (

    select
        (
            select max(occurred_at) from interactions
            -- events without a time carry the epoch
            where occurred_at > timestamp '1970-01-01'
        ) as interaction_at,
        (select max(created_at) from song_exports) as song_at

),

clock as (

    select
        coalesce(
            cast(cast({{ date_or_null(var('as_of')) }} as date) as timestamp),
            date_trunc(
                'day',
                coalesce(interaction_at, song_at, timestamp '1970-01-01')
            ) + interval 1 day
        ) as as_of
    from newest

)

select
    cast(as_of as timestamp) as as_of,
    cast(date_trunc('week', as_of) as date) as week_start,
    cast(as_of - interval 7 day as timestamp) as this_week_from,
    '{{ "landing" if source_is_landing() else "sample" }}' as source
from clock
