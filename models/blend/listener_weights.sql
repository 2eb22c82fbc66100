with

listener_activity as (

    select
        user_index,
        history_stage
    from {{ ref('listener_activity') }}

),

listener_variants as (

    select
        user_index,
        variant
    from {{ ref('listener_variants') }}

),

variant_weights as (

    select * from {{ ref('variant_weights') }}

),

stage_weights as (

    select
        variant,
        history_stage,
        max(weight) filter (where channel = 'item_cf') as item_cf,
        max(weight) filter (where channel = 'content') as content,
        max(weight) filter (where channel = 'prompt') as prompt,
        max(weight) filter (where channel = 'user_cf') as user_cf,
        max(weight) filter (where channel = 'quality') as quality
    from variant_weights
    group by variant, history_stage

)

select
    listener_activity.user_index,
    stage_weights.item_cf,
    stage_weights.content,
    stage_weights.prompt,
    stage_weights.user_cf,
    stage_weights.quality
from listener_activity
inner join listener_variants using (user_index)
inner join stage_weights using (variant, history_stage)
