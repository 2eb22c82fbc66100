with

ranked_lists as (

    select * from {{ ref('ranked_lists') }}
    where recommender = 'discover_weekly'

),

evaluated_listeners as (

    select
        listener_index,
        user_id
    from {{ ref('evaluated_listeners') }}

),

served_lists as (

    select
        week_start,
        user_id,
        song_id
    from {{ ref('stg_served_lists') }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

),

catalogue as (

    select
        song_id,
        song_index
    from {{ ref('catalogue') }}

),

depths as (

    select k from {{ value_rows(var('evaluation_depths'), 'k') }}

),

last_lists as (

    select
        evaluated_listeners.listener_index,
        catalogue.song_index
    from served_lists
    inner join build_clock
        on served_lists.week_start = build_clock.week_start - 7
    inner join evaluated_listeners using (user_id)
    -- a song may be gone since
    left join catalogue using (song_id)

),

listeners_before as (

    select distinct listener_index from last_lists

)

select
    ranked_lists.recommender,
    ranked_lists.listener_index,
    depths.k,
    count(last_lists.song_index) / count(*) as repetition
from ranked_lists
inner join depths
    on ranked_lists.list_rank <= depths.k
inner join listeners_before using (listener_index)
left join last_lists using (listener_index, song_index)
group by ranked_lists.recommender, ranked_lists.listener_index, depths.k
