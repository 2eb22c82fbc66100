with

listener_activity as (

    select
        user_index,
        history_stage
    from {{ ref('listener_activity') }}

),

variant_weights as (

    select
        history_stage,
        channel,
        weight
    from {{ ref('variant_weights') }}
    where variant = '{{ valid_name(var("variant")) }}'

),

stage_weights as (

    select
        history_stage,
        max(weight) filter (where channel = 'item_cf') as item_cf,
        max(weight) filter (where channel = 'content') as content,
        max(weight) filter (where channel = 'prompt') as prompt,
        max(weight) filter (where channel = 'user_cf') as user_cf,
        max(weight) filter (where channel = 'quality') as quality
    from variant_weights
    group by history_stage

)

select
    listener_activity.user_index,
    stage_weights.item_cf,
    stage_weights.content,
    stage_weights.prompt,
    stage_weights.user_cf,
    stage_weights.quality
from listener_activity
inner join stage_weights using (history_stage)
