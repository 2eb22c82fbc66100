with

songs as (

    select
        song_id,
        left(prompt, 4000) as prompt
    from {{ ref('stg_songs') }}

),

song_words as (

    select distinct
        songs.song_id,
        words.word
    from songs
    cross join unnest(
        regexp_extract_all(
            lower(regexp_replace(songs.prompt, '\[[^\]]{0,80}\]', ' ', 'g')),
            '[\pL]{4,}'
        )
    ) as words (word)

),

song_count as (

    select count(*) as songs from songs

),

-- a word that many prompts share says nothing about two of them
telling_words as (

    select
        song_words.word,
        count(*) as songs_with_word
    from song_words
    cross join song_count
    group by song_words.word, song_count.songs
    having count(*) between 2 and greatest(2, song_count.songs * 0.1)

)

select
    song_words.song_id,
    song_words.word,
    telling_words.songs_with_word
from song_words
inner join telling_words using (word)
qualify
    row_number() over (
        partition by song_words.song_id
        order by telling_words.songs_with_word, song_words.word
    ) <= 30
