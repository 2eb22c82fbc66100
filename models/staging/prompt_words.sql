with

songs as (

    select
        song_id,
        regexp_extract_all(
            lower(
                {{ replace_all('left(prompt, 4000)', '\\[[^\\]]{0,80}\\]', ' ') }}
            ),
            '[\pL]{4,}',
            0
        ) as words
    from {{ ref('stg_songs') }}

),

song_words as (

    select distinct
        song_id,
        {{ unnest_list('words') }} as word
    from songs

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
