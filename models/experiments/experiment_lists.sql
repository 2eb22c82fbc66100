with

served_lists as (

    select * from {{ ref('stg_served_lists') }}
    where experiment is not null

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

listens as (

    select
        user_id,
        song_id,
        occurred_at
    from {{ ref('listens') }}
    where is_positive and is_counted

),

-- a list of which a part of the week is yet to come would count too little
finished_lists as (

    select served_lists.*
    from served_lists
    inner join build_clock
        on served_lists.as_of + interval 7 day <= build_clock.as_of

),

first_listens as (

    select
        user_id,
        song_id,
        min(occurred_at) as heard_at
    from listens
    semi join finished_lists using (user_id, song_id)
    group by user_id, song_id

)

select
    finished_lists.experiment,
    finished_lists.variant,
    finished_lists.week_start,
    finished_lists.user_id,
    count(first_listens.song_id) as songs_played
from finished_lists
left join first_listens
    on
        finished_lists.user_id = first_listens.user_id
        and finished_lists.song_id = first_listens.song_id
        and first_listens.heard_at >= finished_lists.as_of
        and first_listens.heard_at < finished_lists.as_of + interval 7 day
group by
    finished_lists.experiment,
    finished_lists.variant,
    finished_lists.week_start,
    finished_lists.user_id
