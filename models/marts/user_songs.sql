with

listener_songs as (

    select * from {{ ref('listener_songs') }}

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
    listener_songs.weight,
    listener_songs.interaction_count,
    listener_songs.first_interaction_at,
    listener_songs.last_interaction_at,
    listener_songs.is_liked,
    listener_songs.is_disliked
from listener_songs
inner join matrix_users using (user_index)
inner join catalogue using (song_index)
