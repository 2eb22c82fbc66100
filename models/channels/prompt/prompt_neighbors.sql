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

shown_songs as (

    select
        catalogue.song_index,
        prompt_groups.prompt_group
    from catalogue
    inner join prompt_groups using (song_index)
    where not catalogue.is_hidden

),

-- a creator's own prompts resemble each other; that says nothing new
by_others as (

    select
        nearest_prompts.song_index,
        nearest_prompts.neighbor_index,
        nearest_prompts.similarity,
        shown_songs.prompt_group
    from nearest_prompts
    inner join shown_songs
        on nearest_prompts.neighbor_index = shown_songs.song_index
    inner join catalogue as seed
        on nearest_prompts.song_index = seed.song_index
    -- an anti join, because two songs of different creators are nearly all pairs
    anti join catalogue as own_song
        on
            nearest_prompts.neighbor_index = own_song.song_index
            and seed.creator_index = own_song.creator_index
    where nearest_prompts.similarity > 0

),

-- near-identical prompts count once
one_per_prompt as (

    select
        song_index,
        neighbor_index,
        similarity
    from by_others
    qualify
        row_number() over (
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
