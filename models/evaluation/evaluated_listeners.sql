with

held_out_songs as (

    select * from {{ ref('held_out_songs') }}

),

matrix_users as (

    select
        user_id,
        user_index
    from {{ ref('matrix_users') }}

),

listener_activity as (

    select
        user_index,
        history_stage
    from {{ ref('listener_activity') }}

),

held_out_counts as (

    select
        user_id,
        count(*) as held_out_count
    from held_out_songs
    group by user_id

)

select
    cast(
        row_number() over (order by held_out_counts.user_id) - 1 as integer
    ) as listener_index,
    held_out_counts.user_id,
    matrix_users.user_index,
    coalesce(listener_activity.history_stage, 'new') as history_stage,
    cast(held_out_counts.held_out_count as integer) as held_out_count
from held_out_counts
left join matrix_users using (user_id)
left join listener_activity using (user_index)
