with

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

events as (

    select occurred_at from {{ ref('listens') }}
    -- events without a time carry the epoch
    where occurred_at > timestamp '1970-01-01'

),

catalogue as (

    select created_at from {{ ref('catalogue') }}

),

song_exports as (

    select exported_at from {{ ref('stg_song_exports') }}

),

feedback as (

    select received_at from {{ ref('stg_feedback') }}

),

newest as (

    select
        'event' as arrived,
        max(occurred_at) as newest_at
    from events
    union all
    select
        'song' as arrived,
        max(created_at) as newest_at
    from catalogue
    union all
    select
        'export' as arrived,
        max(song_exports.exported_at) as newest_at
    from song_exports
    inner join build_clock
        on song_exports.exported_at <= build_clock.as_of
    union all
    select
        'feedback' as arrived,
        max(feedback.received_at) as newest_at
    from feedback
    inner join build_clock
        on feedback.received_at < build_clock.as_of

)

select
    newest.arrived,
    newest.newest_at,
    round({{ seconds_between('newest.newest_at', 'build_clock.as_of') }} / 86400, 2)
        as age_days
from newest
cross join build_clock
