with

interactions as (

    select * from {{ landing_or_sample('interactions') }}

),

-- each event was told apart by its id, so that several of one moment add up
feedback as (

    select
        user_id,
        song_id,
        interaction_type,
        occurred_at,
        sum(cast(weight as decimal(18, 3))) as weight
    from {{ ref('stg_feedback') }}
    group by all

),

all_interactions as (

    select
        user_id,
        song_id,
        interaction_type,
        occurred_at,
        weight
    from interactions
    union all
    select
        user_id,
        song_id,
        interaction_type,
        occurred_at,
        cast(weight as double) as weight
    from feedback

),

interaction_weights as (

    select
        interaction_type,
        weight as type_weight
    from {{ ref('interaction_weights') }}

),

-- a file ingested twice, or two exports that overlap, say the same thing once
distinct_interactions as (

    select
        user_id,
        song_id,
        interaction_type,
        occurred_at,
        max(weight) as weight
    from all_interactions
    group by all

)

select
    distinct_interactions.user_id,
    distinct_interactions.song_id,
    distinct_interactions.interaction_type,
    distinct_interactions.occurred_at,
    distinct_interactions.weight,
    interaction_weights.type_weight
from distinct_interactions
inner join interaction_weights using (interaction_type)
