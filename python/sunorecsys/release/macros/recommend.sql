-- recommend(user_id, n := 30): the listener's recommendations, best first, with the
-- weighted score of every channel and the reason in words. No rows: unknown listener.
create or replace macro recommend(user_id, n := 30) as table
select
    recommendations.recommendation_rank,
    recommendations.song_id,
    songs.title,
    songs.creator_name,
    songs.genre,
    recommendations.blended_score,
    recommendations.item_cf_score,
    recommendations.content_score,
    recommendations.prompt_score,
    recommendations.user_cf_score,
    recommendations.quality_score,
    recommendations.primary_channel,
    recommendations.reason
from listeners
-- by number, because DuckDB keeps the range of numbers, but not of long texts, of each
-- block of rows, and so reads one block
inner join recommendations
    on listeners.user_index = recommendations.user_index
inner join songs
    on recommendations.song_id = songs.song_id
where
    listeners.user_id = user_id
    and recommendations.recommendation_rank <= n
order by recommendations.recommendation_rank;
