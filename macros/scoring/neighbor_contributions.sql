{#
    What each seed song of a listener's history gave to the playlist songs of a
    neighbor channel, before weights.

    neighbors (relation): song_index, neighbor_index, similarity, neighbor_rank
    channel (string): the channel's name
#}
{% macro neighbor_contributions(neighbors, channel) %}
with

playlist_songs as (

    select
        user_index,
        song_index
    from {{ ref('listener_recommendations') }}
    where is_in_playlist and {{ channel }}_score > 0

),

history_seeds as (

    select
        user_index,
        song_index as seed_index
    from {{ ref('history_seeds') }}

),

neighbors as (

    select
        song_index as seed_index,
        neighbor_index as song_index,
        similarity
    from {{ neighbors }}
    where neighbor_rank <= {{ var('top_k_per_seed') }}

)

select
    playlist_songs.user_index,
    playlist_songs.song_index,
    '{{ channel }}' as channel,
    history_seeds.seed_index,
    neighbors.similarity as contribution
from playlist_songs
inner join history_seeds using (user_index)
inner join neighbors using (seed_index, song_index)
{% endmacro %}
