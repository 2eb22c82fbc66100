with

catalogue as (

    select
        song_index,
        creator_index,
        song_id,
        regexp_replace(lower(title), '[^\pL\pN]+', '', 'g') as title_letters
    from {{ ref('catalogue') }}

),

prompt_groups as (

    select * from {{ ref('prompt_groups') }}

),

by_title as (

    select
        catalogue.song_index,
        catalogue.creator_index,
        prompt_groups.prompt_group,
        -- a title of signs only names nothing
        min(catalogue.song_index) over (
            partition by
                catalogue.creator_index,
                coalesce(nullif(catalogue.title_letters, ''), catalogue.song_id)
        ) as title_version
    from catalogue
    inner join prompt_groups using (song_index)

),

by_prompt as (

    select
        song_index,
        title_version,
        min(title_version) over (partition by creator_index, prompt_group)
            as prompt_version
    from by_title

)

select
    song_index,
    -- titles and prompts chain: a new title on an old prompt is the old song
    min(prompt_version) over (partition by title_version) as version_index
from by_prompt
