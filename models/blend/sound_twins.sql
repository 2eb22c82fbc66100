with

nearest_prompts as (

    select * from {{ ref('prompt_nearest') }}

),

audio_vectors as (

    select
        song_index,
        embedding
    from {{ ref('audio_vectors') }}
    where failure is null

),

-- the audio is compared only where the prompts are the same: few pairs, and many songs
-- sound alike
twins as (

    select
        nearest_prompts.song_index,
        nearest_prompts.neighbor_index
    from nearest_prompts
    inner join audio_vectors using (song_index)
    inner join audio_vectors as neighbor
        on nearest_prompts.neighbor_index = neighbor.song_index
    where
        nearest_prompts.similarity >= {{ var('near_identical_prompt') }}
        and {{ cosine_similarity('audio_vectors.embedding', 'neighbor.embedding') }}
        >= {{ var('near_identical_audio') }}

)

select
    song_index,
    -- named after its first song
    least(song_index, min(neighbor_index)) as sound_group
from twins
group by song_index
