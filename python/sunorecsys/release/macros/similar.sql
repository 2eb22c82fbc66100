-- "similar"(song_id, n := 10, channel := 'blended'): the songs most like this one, by
-- who plays them (item_cf), how they sound (content), what they were made from (prompt)
-- or all three (blended). No rows: unknown song, or nothing resembles it.
create or replace macro "similar"(song_id, n := 10, channel := 'blended') as table
select
    similar_songs.similarity_rank,
    similar_songs.similar_song_id as song_id,
    songs.title,
    songs.creator_name,
    songs.genre,
    similar_songs.similarity
from songs as asked
inner join similar_songs
    on asked.song_index = similar_songs.song_index
inner join songs
    on similar_songs.similar_song_index = songs.song_index
where
    asked.song_id = song_id
    and similar_songs.channel = channel
    and similar_songs.similarity_rank <= n
    and similar_songs.similarity > 0
order by similar_songs.similarity_rank;
