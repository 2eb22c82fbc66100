{%- set longest = var('evaluation_depths') | max -%}

with

evaluated_listeners as (

    select
        listener_index,
        user_index
    from {{ ref('evaluated_listeners') }}

),

blended_candidates as (

    select
        user_index,
        song_index,
        blended_score
    from {{ ref('blended_candidates') }}

),

popular_lists as (

    select * from {{ ref('popular_lists') }}

),

best_candidates as (

    select
        evaluated_listeners.listener_index,
        blended_candidates.song_index,
        row_number() over (
            partition by evaluated_listeners.listener_index
            order by
                blended_candidates.blended_score desc,
                blended_candidates.song_index
        ) as list_rank
    from blended_candidates
    inner join evaluated_listeners using (user_index)
    qualify list_rank <= {{ longest }}

),

-- popular songs stand behind all candidates
lists as (

    select
        listener_index,
        song_index,
        list_rank as turn
    from best_candidates
    union all
    select
        listener_index,
        song_index,
        {{ longest }} + list_rank as turn
    from popular_lists
    anti join best_candidates using (listener_index, song_index)

)

select
    listener_index,
    song_index,
    cast(
        row_number() over (
            partition by listener_index
            order by turn
        ) as integer
    ) as list_rank
from lists
qualify list_rank <= {{ longest }}
