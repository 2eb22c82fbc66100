with

stg_songs as (

    select
        song_id,
        created_at
    from {{ ref('stg_songs') }}

),

songs as (

    select song_id from {{ ref('songs') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

existing_songs as (

    select stg_songs.song_id
    from stg_songs
    cross join build_clock
    where stg_songs.created_at is null or stg_songs.created_at < build_clock.as_of

)

select
    song_id,
    'missing in songs' as problem
from existing_songs
anti join songs using (song_id)
union all
select
    song_id,
    'does not exist yet' as problem
from songs
anti join existing_songs using (song_id)
