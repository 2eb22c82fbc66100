with

audio_vectors as (

    select * from {{ ref('audio_vectors') }}

)

select
    song_id,
    embedding,
    encoder,
    encoder_version,
    content_hash
from audio_vectors
where failure is null
