with

style_vectors as (

    select * from {{ ref('style_vectors') }}

),

audio_vectors as (

    select * from {{ ref('audio_vectors') }}

)

select
    style_vectors.song_index,
    round(
        cast(
            {{ dot_product('audio_vectors.embedding', 'style_vectors.embedding') }}
            as double
        ),
        6
    ) as prompt_audio_agreement
from style_vectors
inner join audio_vectors using (song_index)
where style_vectors.failure is null
