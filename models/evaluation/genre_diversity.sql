with

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

song_traits as (

    select
        song_index,
        genre
    from {{ ref('song_traits') }}
    where genre is not null

),

depths as (

    select k from {{ value_rows(var('evaluation_depths'), 'k') }}

),

genre_counts as (

    select
        ranked_lists.recommender,
        ranked_lists.listener_index,
        depths.k,
        song_traits.genre,
        count(*) as songs
    from ranked_lists
    inner join depths
        on ranked_lists.list_rank <= depths.k
    inner join song_traits using (song_index)
    group by
        ranked_lists.recommender,
        ranked_lists.listener_index,
        depths.k,
        song_traits.genre

)

select
    recommender,
    listener_index,
    k,
    -- n songs make n (n - 1) / 2 pairs
    1 - sum(songs * (songs - 1)) / (sum(songs) * (sum(songs) - 1)) as genre_diversity
from genre_counts
group by recommender, listener_index, k
having sum(songs) > 1
