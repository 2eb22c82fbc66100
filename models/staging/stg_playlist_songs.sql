with

playlists as (

    select * from {{ landing_or_sample('playlists') }}

),

newest_exports as (

    select
        playlist_id,
        max(exported_at) as exported_at
    from playlists
    group by playlist_id

)

select
    playlists.playlist_id,
    playlists.song_id,
    max(coalesce(playlists.owner_id, playlists.owner_handle)) as owner_id,
    min(playlists.song_position) as song_position
from playlists
inner join newest_exports using (playlist_id, exported_at)
group by playlists.playlist_id, playlists.song_id
