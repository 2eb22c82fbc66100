with

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}
    where user_id is not null

)

{%- if var('evaluated_listeners_only') %},

held_out_songs as (

    select user_id from {{ ref('held_out_songs') }}

)

select matrix_users.user_index
from matrix_users
semi join held_out_songs using (user_id)
{%- else %}

select user_index from matrix_users
{%- endif %}
