with

songs as (

    select * from {{ ref('stg_songs') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

existing_songs as (

    select songs.*
    from songs
    cross join build_clock
    -- a song without a date has always been there
    where songs.created_at is null or songs.created_at < build_clock.as_of

)

select
    cast(row_number() over (order by song_id) - 1 as integer) as song_index,
    -- songs without a creator each stand alone
    cast(
        dense_rank() over (
            order by
                creator_id nulls last,
                case when creator_id is null then song_id end
        ) - 1 as integer
    ) as creator_index,
    *
from existing_songs
