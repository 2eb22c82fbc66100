with

catalogue as (

    select
        song_index,
        creator_index,
        song_id,
        {{ replace_all('lower(title)', '[^\\pL\\pN]+', '') }} as title_letters
    from {{ ref('catalogue') }}

),

prompt_groups as (

    select * from {{ ref('prompt_groups') }}

),

sound_twins as (

    select * from {{ ref('sound_twins') }}

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

-- titles and prompts chain: a new title on an old prompt is the old song, and so is a
-- newer prompt under that title
by_prompt as (

    select
        *,
        min(title_version) over (partition by creator_index, prompt_group)
            as prompt_version
    from by_title

),

by_second_title as (

    select
        *,
        min(prompt_version) over (partition by title_version) as second_title_version
    from by_prompt

),

by_second_prompt as (

    select
        *,
        min(second_title_version) over (partition by prompt_version)
            as second_prompt_version
    from by_second_title

),

written_versions as (

    select
        song_index,
        min(second_prompt_version) over (partition by second_title_version)
            as written_version
    from by_second_prompt

),

-- whoever made it: the same words that sound the same are the same song
by_sound as (

    select
        written_versions.song_index,
        written_versions.written_version,
        min(written_versions.written_version) over (
            partition by coalesce(sound_twins.sound_group, written_versions.song_index)
        ) as sound_version
    from written_versions
    left join sound_twins using (song_index)

)

select
    song_index,
    min(sound_version) over (partition by written_version) as version_index
from by_sound
