with

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

held_out_songs as (

    select * from {{ ref('held_out_songs') }}

),

evaluated_listeners as (

    select
        listener_index,
        user_id
    from {{ ref('evaluated_listeners') }}

)

select
    ranked_lists.recommender,
    ranked_lists.listener_index,
    ranked_lists.list_rank,
    cast(
        row_number() over (
            partition by ranked_lists.recommender, ranked_lists.listener_index
            order by ranked_lists.list_rank
        ) as integer
    ) as hit_number
from held_out_songs
inner join evaluated_listeners using (user_id)
inner join ranked_lists using (listener_index, song_index)
