with

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

listener_weights as (

    select * from {{ ref('listener_weights') }}

),

song_quality as (

    select
        song_index,
        quality_score
    from {{ ref('song_quality') }}

),

-- one row per listener and song; a channel that did not propose the song adds nothing
side_by_side as (

    select
        user_index,
        song_index,
        coalesce(max(normalized_score) filter (where channel = 'item_cf'), 0)
            as item_cf,
        coalesce(max(normalized_score) filter (where channel = 'content'), 0)
            as content,
        coalesce(max(normalized_score) filter (where channel = 'prompt'), 0)
            as prompt,
        coalesce(max(normalized_score) filter (where channel = 'user_cf'), 0)
            as user_cf
    from candidate_scores
    group by user_index, song_index

),

weighted as (

    select
        side_by_side.user_index,
        side_by_side.song_index,
        round(side_by_side.item_cf * listener_weights.item_cf, 9) as item_cf_score,
        round(side_by_side.content * listener_weights.content, 9) as content_score,
        round(side_by_side.prompt * listener_weights.prompt, 9) as prompt_score,
        round(side_by_side.user_cf * listener_weights.user_cf, 9) as user_cf_score,
        round(song_quality.quality_score * listener_weights.quality, 9)
            as quality_score
    from side_by_side
    inner join listener_weights using (user_index)
    inner join song_quality using (song_index)

)

select
    *,
    round(
        item_cf_score + content_score + prompt_score + user_cf_score + quality_score, 9
    ) as blended_score
from weighted
