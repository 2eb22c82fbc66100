{#
    Candidates of a neighbor channel: the nearest neighbors of every seed song of a
    listener's history, scored by the sum of their similarities.

    neighbors (relation): song_index, neighbor_index, similarity, neighbor_rank
    channel (string): the channel's name
#}
{% macro neighbor_candidates(neighbors, channel) %}
with

history_seeds as (

    select
        user_index,
        song_index
    from {{ ref('history_seeds') }}

),

neighbors as (

    select
        song_index,
        neighbor_index,
        similarity
    from {{ neighbors }}
    where neighbor_rank <= {{ var('top_k_per_seed') }}

),

excluded_songs as (

    select * from {{ ref('excluded_songs') }}

),

candidate_listeners as (

    select * from {{ ref('candidate_listeners') }}

),

scored as (

    select
        history_seeds.user_index,
        neighbors.neighbor_index as song_index,
        cast(sum(cast(neighbors.similarity as decimal(18, 8))) as double)
            as channel_score
    from history_seeds
    inner join candidate_listeners using (user_index)
    inner join neighbors using (song_index)
    group by history_seeds.user_index, neighbors.neighbor_index

),

unheard as (

    select scored.*
    from scored
    anti join excluded_songs using (user_index, song_index)

)

select
    user_index,
    song_index,
    '{{ channel }}' as channel,
    channel_score,
    cast(
        row_number() over (
            partition by user_index
            order by channel_score desc, song_index
        ) as integer
    ) as channel_rank
from unheard
where channel_score > 0
qualify channel_rank <= {{ var('candidates_per_channel') }}
{% endmacro %}
