with

recommendations as (

    select
        user_id,
        song_id,
        item_cf_score,
        content_score,
        prompt_score,
        user_cf_score,
        quality_score,
        blended_score
    from {{ ref('recommendations') }}
    where recommendation_rank <= {{ var('playlist_length') }}

),

recommendation_reasons as (

    select
        user_id,
        song_id,
        channel,
        contribution
    from {{ ref('recommendation_reasons') }}

),

reason_sums as (

    select
        user_id,
        song_id,
        sum(contribution) as reasons,
        sum(contribution) filter (where channel = 'item_cf') as item_cf,
        sum(contribution) filter (where channel = 'content') as content,
        sum(contribution) filter (where channel = 'prompt') as prompt,
        sum(contribution) filter (where channel = 'user_cf') as user_cf,
        -- a popular song has its quality as popularity
        sum(contribution) filter (where channel in ('quality', 'popularity'))
            as quality
    from recommendation_reasons
    group by user_id, song_id

),

-- a full join, because a song without reasons is as wrong as reasons without a song
differences as (

    select
        user_id,
        song_id,
        recommendations.blended_score - reason_sums.reasons as blended,
        recommendations.item_cf_score - coalesce(reason_sums.item_cf, 0) as item_cf,
        recommendations.content_score - coalesce(reason_sums.content, 0) as content,
        recommendations.prompt_score - coalesce(reason_sums.prompt, 0) as prompt,
        recommendations.user_cf_score - coalesce(reason_sums.user_cf, 0) as user_cf,
        recommendations.quality_score - reason_sums.quality as quality
    from recommendations
    full join reason_sums using (user_id, song_id)

)

select *
from differences
where
    not coalesce(
        abs(blended) <= 1e-6
        and abs(item_cf) <= 1e-6
        and abs(content) <= 1e-6
        and abs(prompt) <= 1e-6
        and abs(user_cf) <= 1e-6
        and abs(quality) <= 1e-6,
        false
    )
