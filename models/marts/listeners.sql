with

listener_activity as (

    select * from {{ ref('listener_activity') }}

),

listener_variants as (

    select * from {{ ref('listener_variants') }}

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}

)

select
    matrix_users.user_id,
    matrix_users.user_index,
    listener_activity.song_count,
    listener_activity.interaction_count,
    listener_activity.first_interaction_at,
    listener_activity.last_interaction_at,
    listener_activity.history_stage,
    listener_variants.variant,
    listener_variants.experiment
from listener_activity
inner join listener_variants using (user_index)
inner join matrix_users using (user_index)
