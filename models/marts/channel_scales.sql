with

listener_channels as (

    select * from {{ ref('listener_channels') }}

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
    listener_channels.channel,
    listener_channels.highest_score,
    listener_channels.lowest_score
from listener_channels
inner join matrix_users using (user_index)
