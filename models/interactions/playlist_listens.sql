with

playlist_songs as (

    select * from {{ ref('stg_playlist_songs') }}

),

catalogue as (

    select
        song_id,
        song_index,
        creator_id
    from {{ ref('catalogue') }}

),

-- a creator does not vote for their own songs
foreign_songs as (

    select
        playlist_songs.playlist_id,
        playlist_songs.owner_id,
        catalogue.song_index
    from playlist_songs
    inner join catalogue using (song_id)
    where coalesce(playlist_songs.owner_id != catalogue.creator_id, true)

),

playlists as (

    select
        playlist_id,
        max(owner_id) as owner_id,
        {{ list_in_order('song_index', ['song_index']) }} as song_indexes
    from foreign_songs
    group by playlist_id

),

-- copies of one playlist are one opinion
distinct_playlists as (

    select *
    from playlists
    qualify
        row_number() over (
            partition by owner_id, song_indexes
            order by playlist_id
        ) = 1

),

counted_playlists as (

    select playlist_id from distinct_playlists
    qualify
        owner_id is null
        or row_number() over (
            partition by owner_id
            order by {{ list_length('song_indexes') }} desc, playlist_id
        ) <= {{ var('max_playlists_per_owner') }}

)

select
    foreign_songs.playlist_id,
    foreign_songs.song_index
from foreign_songs
inner join counted_playlists using (playlist_id)
