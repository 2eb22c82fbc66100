with

nearest_prompts as (

    select * from {{ ref('prompt_nearest') }}

),

catalogue as (

    select
        song_index,
        creator_index,
        is_hidden
    from {{ ref('catalogue') }}

),

prompt_groups as (

    select * from {{ ref('prompt_groups') }}

),

-- a creator's own prompts resemble each other; that says nothing new
by_others as (

    select
        nearest_prompts.*,
        prompt_groups.prompt_group
    from nearest_prompts
    inner join catalogue as seed
        on nearest_prompts.song_index = seed.song_index
    inner join catalogue as neighbor
        on nearest_prompts.neighbor_index = neighbor.song_index
    inner join prompt_groups
        on nearest_prompts.neighbor_index = prompt_groups.song_index
    where
        seed.creator_index != neighbor.creator_index
        and not neighbor.is_hidden
        and nearest_prompts.similarity > 0

),

-- near-identical prompts count once
one_per_prompt as (

    select
        song_index,
        neighbor_index,
        similarity
    from by_others
    qualify row_number() over (
        partition by song_index, prompt_group
        order by similarity desc, neighbor_index
    ) = 1

)

select
    song_index,
    neighbor_index,
    similarity,
    cast(
        row_number() over (
            partition by song_index
            order by similarity desc, neighbor_index
        ) as integer
    ) as neighbor_rank
from one_per_prompt
qualify neighbor_rank <= {{ var('neighbors_per_song') }}
