-- explain(user_id, song_id): where the score of a song comes from for a listener, for
-- any song: one row per channel and song of the listener that gave something, and one
-- for quality. The contributions add up to the blended score. A channel counts if it
-- proposed the song, that is if the song is among the channel's best for the listener.
-- No rows: unknown listener or song.
create or replace macro explain(user_id, song_id) as table
from explain_after(
    user_id,
    song_id,
    cast([] as struct(song_id varchar, weight double)[]),
    cast([] as varchar[])
);
