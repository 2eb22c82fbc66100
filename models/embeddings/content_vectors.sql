with

content_blocks as (

    select * from {{ ref('content_blocks') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

)

select
    catalogue.song_id,
    cast(content_blocks.embedding as {{ list_type('float') }}) as embedding
from content_blocks
inner join catalogue using (song_index)
