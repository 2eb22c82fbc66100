-- Do lists hold the genres that people play, or something else?
with

played as (

    select
        coalesce(songs.genre, 'no genre') as genre,
        sum(user_songs.interaction_count) as plays
    from user_songs
    inner join songs using (song_id)
    group by genre

),

served as (

    select
        coalesce(songs.genre, 'no genre') as genre,
        count(*) as places
    from recommendations
    inner join songs using (song_id)
    where recommendations.recommendation_rank <= 30
    group by genre

)

select
    genre,
    round(100 * played.plays / sum(played.plays) over (), 1) as percent_of_plays,
    round(100 * served.places / sum(served.places) over (), 1) as percent_of_places
from played
full join served using (genre)
order by percent_of_places desc nulls last, genre
