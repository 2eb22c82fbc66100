with

recommendations as (

    select
        user_id,
        song_id
    from {{ ref('recommendations') }}
    -- songs that only fill a short list may break the cap
    where relaxed_rule is null

),

songs as (

    select
        song_id,
        creator_id
    from {{ ref('songs') }}
    where creator_id is not null

)

select
    recommendations.user_id,
    songs.creator_id,
    count(*) as songs_of_the_creator
from recommendations
inner join songs using (song_id)
group by recommendations.user_id, songs.creator_id
having count(*) > {{ var('max_per_creator') }}
