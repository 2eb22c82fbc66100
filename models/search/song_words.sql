with

catalogue as (

    select
        song_index,
        song_id,
        title,
        tags,
        prompt
    from {{ ref('catalogue') }}

),

song_genres as (

    select * from {{ ref('song_genres') }}

),

-- what is short says more of a song than one line of its prompt; names of creators are
-- read where one searches, so that who is forgotten is in no word
texts as (

    select
        song_index,
        8 as word_weight,
        {{ search_words('left(title, 1000)') }} as words
    from catalogue

    union all

    select
        song_index,
        4 as word_weight,
        {{ search_words("left(array_to_string(tags, ' '), 4000)") }} as words
    from catalogue

    union all

    select
        catalogue.song_index,
        2 as word_weight,
        {{ search_words('song_genres.genre') }} as words
    from catalogue
    inner join song_genres using (song_id)

    union all

    select
        song_index,
        1 as word_weight,
        {{ search_words('left(prompt, 4000)') }} as words
    from catalogue

),

words as (

    select
        song_index,
        word_weight,
        unnest(words) as term
    from texts

)

select
    song_index,
    term,
    cast(sum(word_weight) as bigint) as term_count
from words
group by
    song_index,
    term
