-- What a list shows of songs, without those that are hidden. Titles come from strangers,
-- and are cut. One row per song. $1: song ids.
select
    songs.song_id,
    left(songs.title, 200) as title,
    left(songs.creator_name, 100) as creator_name,
    songs.genre,
    list_transform(songs.tags[:4], lambda tag: left(tag, 40)) as tags,
    songs.duration_seconds,
    songs.audio_url,
    songs.image_url
from unnest($1::varchar[]) as asked(song_id)
inner join songs on asked.song_id = songs.song_id
where not songs.is_hidden
