with

history_seeds as (

    select * from {{ ref('history_seeds') }}

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

)

select
    matrix_users.user_id,
    matrix_users.user_index,
    catalogue.song_id,
    catalogue.song_index,
    history_seeds.history_rank,
    history_seeds.weight,
    history_seeds.last_interaction_at,
    history_seeds.is_this_week
from history_seeds
inner join matrix_users using (user_index)
inner join catalogue using (song_index)
