with

catalogue as (

    select
        song_index,
        song_id,
        tags
    from {{ ref('catalogue') }}

),

audio_vectors as (

    select song_index
    from {{ ref('audio_vectors') }}
    where
        encoder = 'clap'
        and failure is null

),

prompt_texts as (

    select * from {{ ref('prompt_texts') }}

)

-- the style first: CLAP reads 77 tokens, and words of a song say less of its sound
select
    catalogue.song_index,
    catalogue.song_id,
    concat_ws(
        '. ',
        nullif(left({{ list_text('catalogue.tags', ', ') }}, 1000), ''),
        left(prompt_texts.text, 1000)
    ) as text
from catalogue
inner join audio_vectors using (song_index)
left join prompt_texts using (song_index)
where {{ list_length('catalogue.tags') }} > 0 or prompt_texts.text is not null
