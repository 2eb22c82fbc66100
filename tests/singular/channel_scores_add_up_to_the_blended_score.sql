with

recommendations as (

    select
        user_id,
        song_id,
        blended_score,
        item_cf_score
        + content_score
        + prompt_score
        + user_cf_score
        + quality_score as channel_sum
    from {{ ref('recommendations') }}

)

select *
from recommendations
-- null or NaN is no sum
where not coalesce(abs(blended_score - channel_sum) <= 1e-6, false)
