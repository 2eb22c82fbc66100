with

interaction_matrix as (

    select * from {{ ref('interaction_matrix') }}

),

matrix_users as (

    select user_index
    from {{ ref('matrix_users') }}
    where user_id is not null

)

select
    interaction_matrix.user_index,
    interaction_matrix.song_index,
    interaction_matrix.weight
from interaction_matrix
inner join matrix_users using (user_index)
