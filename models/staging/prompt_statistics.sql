with

songs as (

    select
        song_id,
        prompt
    from {{ ref('stg_songs') }}

)

select
    song_id,
    cast(length(prompt) as bigint) as prompt_length,
    {{ match_count('prompt', '\\S+') }} as word_count,
    {{ match_count('prompt', '(?i)\\[\\s*verse') }} as verse_count,
    -- a pre-chorus is not a chorus
    {{ match_count('prompt', '(?i)\\[\\s*chorus') }} as chorus_count,
    {{ match_count('prompt', '(?i)\\[\\s*bridge') }} as bridge_count
from songs
