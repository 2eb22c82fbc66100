with

audio_vectors as (

    select * from {{ ref('audio_vectors') }}

)

select
    song_id,
    encoder,
    encoder_version,
    split_part(failure, ':', 1) as reason,
    nullif(trim(substr(failure, length(reason) + 2)), '') as detail
from audio_vectors
where failure is not null
