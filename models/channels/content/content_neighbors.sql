with

nearest_songs as (

    select * from {{ ref('content_nearest') }}

),

catalogue as (

    select song_index
    from {{ ref('catalogue') }}
    where not is_hidden

)

select
    nearest_songs.song_index,
    nearest_songs.neighbor_index,
    nearest_songs.similarity,
    cast(
        row_number() over (
            partition by nearest_songs.song_index
            order by nearest_songs.similarity desc, nearest_songs.neighbor_index
        ) as integer
    ) as neighbor_rank
from nearest_songs
inner join catalogue
    on nearest_songs.neighbor_index = catalogue.song_index
where nearest_songs.similarity > 0
qualify neighbor_rank <= {{ var('neighbors_per_song') }}
