with

listeners as (

    select distinct user_id from {{ ref('listens') }}

),

playlists as (

    select distinct playlist_id from {{ ref('playlist_listens') }}

),

rows_of_the_matrix as (

    select
        user_id,
        cast(null as string) as playlist_id
    from listeners
    union all
    select
        cast(null as string) as user_id,
        playlist_id
    from playlists

)

select
    cast(
        row_number() over (order by user_id nulls last, playlist_id) - 1 as integer
    ) as user_index,
    user_id,
    playlist_id
from rows_of_the_matrix
