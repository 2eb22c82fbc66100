with

ranked_candidates as (

    select * from {{ ref('ranked_candidates') }}

),

popularity_fill as (

    select * from {{ ref('popularity_fill') }}

),

recommendations as (

    select
        user_index,
        song_index,
        recommendation_rank,
        item_cf_score,
        content_score,
        prompt_score,
        user_cf_score,
        quality_score,
        blended_score,
        -- quality proposes nothing, unless nothing else has a weight
        case greatest(item_cf_score, content_score, prompt_score, user_cf_score)
            when 0 then 'quality'
            when item_cf_score then 'item_cf'
            when user_cf_score then 'user_cf'
            when prompt_score then 'prompt'
            else 'content'
        end as primary_channel,
        relaxed_rule
    from ranked_candidates
    union all
    select
        user_index,
        song_index,
        recommendation_rank,
        0 as item_cf_score,
        0 as content_score,
        0 as prompt_score,
        0 as user_cf_score,
        quality_score,
        quality_score as blended_score,
        'popularity' as primary_channel,
        'popularity' as relaxed_rule
    from popularity_fill

)

select
    *,
    recommendation_rank <= {{ var('playlist_length') }} as is_in_playlist
from recommendations
