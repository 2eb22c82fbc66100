{%- set last_n = var('last_n') | int -%}
{%- set this_week_places = (last_n * var('this_week_share')) | round | int -%}

with

listener_songs as (

    select
        user_index,
        song_index,
        weight,
        last_interaction_at
    from {{ ref('listener_songs') }}
    where weight > 0 and not is_disliked

),

build_clock as (

    select this_week_from from {{ ref('build_clock') }}

),

marked as (

    select
        listener_songs.*,
        listener_songs.last_interaction_at >= build_clock.this_week_from
            as is_this_week
    from listener_songs
    cross join build_clock

),

newest_first as (

    select
        *,
        row_number() over (
            partition by user_index, is_this_week
            order by last_interaction_at desc, weight desc, song_index
        ) as recency_rank
    from marked

),

-- this week's share first, then earlier songs; what they leave free goes back to
-- this week
by_turn as (

    select
        *,
        case
            when is_this_week and recency_rank <= {{ this_week_places }} then 1
            when not is_this_week then 2
            else 3
        end as turn
    from newest_first

)

select
    user_index,
    song_index,
    cast(
        row_number() over (
            partition by user_index
            order by turn, recency_rank
        ) as integer
    ) as history_rank,
    weight,
    last_interaction_at,
    is_this_week
from by_turn
qualify history_rank <= {{ last_n }}
