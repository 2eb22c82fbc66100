with

prompt_vectors as (

    select * from {{ ref('prompt_vectors') }}

)

select
    song_id,
    cast(
        embedding as {{ list_type(
            'float', 512 if var('text_encoder') == 'clap' else var('text_dimensions')
        ) }}
    ) as embedding,
    encoder,
    encoder_version,
    content_hash
from prompt_vectors
