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

)

select
    cast(
        row_number() over (order by song_popularity.popularity_rank) as integer
    ) as popularity_rank,
    catalogue.song_id,
    song_popularity.popularity_score
from song_popularity
inner join catalogue using (song_index)
