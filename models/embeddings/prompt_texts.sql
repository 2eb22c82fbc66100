with

catalogue as (

    select
        song_index,
        song_id,
        prompt
    from {{ ref('catalogue') }}

),

-- [Verse 2], (Chorus) and the like say how a song is built, not what it is about
without_sections as (

    select
        song_index,
        song_id,
        trim(
            {{ replace_all('left(prompt, 4000)', '\\[[^\\]]{0,80}\\]', ' ') }}
        ) as text
    from catalogue

)

select
    song_index,
    song_id,
    text
from without_sections
where regexp_extract(text, '[\pL\pN]', 0) != ''
