-- sounds_like(vector, n := 30): songs whose audio lies nearest to a vector, which has to
-- come from the encoder that audio_embeddings names; CLAP makes one of words. The cosine
-- is the score. No rows: no song was heard.
create or replace macro sounds_like(vector, n := 30) as table
with
scored as (
    select
        audio_embeddings.song_id,
        round(
            list_cosine_similarity(
                audio_embeddings.embedding, cast(vector as float[])
            ),
            6
        ) as score
    from audio_embeddings
)

select
    row_number() over (order by scored.score desc, songs.song_id) as search_rank,
    songs.song_id,
    songs.title,
    songs.creator_name,
    songs.genre,
    cast(scored.score as double) as score
from scored
inner join songs on scored.song_id = songs.song_id
where not songs.is_hidden
qualify search_rank <= n
order by search_rank;
