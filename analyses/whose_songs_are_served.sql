-- Which creators get more, and which fewer, of the playlist places than of the plays?
with

places as (

    select
        songs.creator_id,
        max(songs.creator_name) as creator_name,
        count(*) as places
    from recommendations
    inner join songs using (song_id)
    where recommendations.recommendation_rank <= 30
    group by songs.creator_id

),

plays as (

    select
        songs.creator_id,
        sum(user_songs.interaction_count) as plays
    from user_songs
    inner join songs using (song_id)
    group by songs.creator_id

)

select
    places.creator_name,
    places.places,
    plays.plays,
    round(100 * places.places / sum(places.places) over (), 2) as percent_of_places,
    round(100 * plays.plays / sum(plays.plays) over (), 2) as percent_of_plays
from places
left join plays using (creator_id)
order by places.places desc, places.creator_id
limit 20
