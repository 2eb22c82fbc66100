with

nearest_prompts as (

    select * from {{ ref('prompt_nearest') }}

),

catalogue as (

    select song_index from {{ ref('catalogue') }}

)

select
    catalogue.song_index,
    -- the group is named after its first song
    least(catalogue.song_index, min(nearest_prompts.neighbor_index)) as prompt_group
from catalogue
left join nearest_prompts
    on
        catalogue.song_index = nearest_prompts.song_index
        and nearest_prompts.similarity >= {{ var('near_identical_prompt') }}
group by catalogue.song_index
