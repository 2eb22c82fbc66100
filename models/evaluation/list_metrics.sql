with

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

song_traits as (

    select
        song_index,
        -- decimals, because parallel sums of doubles differ from run to run
        cast(self_information as decimal(18, 12)) as self_information,
        cast(popularity_percentile as decimal(18, 12)) as popularity
    from {{ ref('song_traits') }}

),

evaluated_listeners as (

    select
        listener_index,
        user_index
    from {{ ref('evaluated_listeners') }}

),

listener_matrix as (

    select
        user_index,
        song_index
    from {{ ref('listener_matrix') }}

),

depths as (

    select k from {{ value_rows(var('evaluation_depths'), 'k') }}

),

tastes as (

    select
        evaluated_listeners.listener_index,
        cast(avg(song_traits.popularity) as double) as popularity
    from evaluated_listeners
    inner join listener_matrix using (user_index)
    inner join song_traits using (song_index)
    group by evaluated_listeners.listener_index

),

lists as (

    select
        ranked_lists.recommender,
        ranked_lists.listener_index,
        depths.k,
        cast(avg(song_traits.self_information) as double) as novelty,
        cast(avg(song_traits.popularity) as double) as popularity
    from ranked_lists
    inner join depths
        on ranked_lists.list_rank <= depths.k
    inner join song_traits using (song_index)
    group by ranked_lists.recommender, ranked_lists.listener_index, depths.k

)

select
    lists.recommender,
    lists.listener_index,
    lists.k,
    lists.novelty,
    lists.popularity - tastes.popularity as popularity_bias
from lists
left join tastes using (listener_index)
