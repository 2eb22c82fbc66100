with

listener_songs as (

    select
        user_index,
        song_index
    from {{ ref('listener_songs') }}

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}
    where user_id is not null

),

catalogue as (

    select
        song_index,
        creator_id
    from {{ ref('catalogue') }}

),

own_songs as (

    select
        matrix_users.user_index,
        catalogue.song_index
    from catalogue
    inner join matrix_users
        on catalogue.creator_id = matrix_users.user_id

)

select * from listener_songs
union
select * from own_songs
