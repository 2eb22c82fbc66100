with

song_popularity as (

    select * from {{ ref('song_popularity') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}
    where not is_hidden

),

fill_order as (

    select
        song_index,
        fill_rank,
        version_rank
    from {{ ref('fill_order') }}

)

select
    cast(
        row_number() over (order by song_popularity.popularity_rank) as integer
    ) as popularity_rank,
    catalogue.song_id,
    catalogue.song_index,
    song_popularity.popularity_score,
    cast(fill_order.fill_rank as integer) as variety_rank,
    cast(fill_order.version_rank as integer) as version_rank
from song_popularity
inner join catalogue using (song_index)
inner join fill_order using (song_index)
