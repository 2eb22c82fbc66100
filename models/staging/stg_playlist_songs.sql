with

playlists as (

    select * from {{ landing_or_sample('playlists') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

-- as for songs: the newest export that as_of could know, else the oldest
one_export as (

    select
        playlists.playlist_id,
        coalesce(
            max(playlists.exported_at) filter (
                where playlists.exported_at <= build_clock.as_of
            ),
            min(playlists.exported_at)
        ) as exported_at
    from playlists
    cross join build_clock
    group by playlists.playlist_id

)

select
    playlists.playlist_id,
    playlists.song_id,
    max(coalesce(playlists.owner_id, playlists.owner_handle)) as owner_id,
    min(playlists.song_position) as song_position
from playlists
inner join one_export using (playlist_id, exported_at)
group by playlists.playlist_id, playlists.song_id
