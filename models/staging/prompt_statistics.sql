with

songs as (

    select
        song_id,
        prompt
    from {{ ref('stg_songs') }}

)

select
    song_id,
    length(prompt) as prompt_length,
    len(regexp_extract_all(prompt, '\S+')) as word_count,
    len(regexp_extract_all(prompt, '(?i)\[\s*verse')) as verse_count,
    -- a pre-chorus is not a chorus
    len(regexp_extract_all(prompt, '(?i)\[\s*chorus')) as chorus_count,
    len(regexp_extract_all(prompt, '(?i)\[\s*bridge')) as bridge_count
from songs
