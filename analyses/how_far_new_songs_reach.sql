-- Do songs of the last two weeks reach playlists before anybody has played them?
select
    songs.song_id,
    songs.title,
    songs.created_at,
    count(distinct user_songs.user_id) as heard_by,
    count(distinct recommendations.user_id) as served_to,
    round(avg(recommendations.recommendation_rank), 1) as average_rank
from songs
cross join build_info
left join user_songs using (song_id)
left join recommendations
    on
        songs.song_id = recommendations.song_id
        and recommendations.recommendation_rank <= 30
where
    songs.created_at >= build_info.as_of - interval 14 day
    and not songs.is_hidden
group by songs.song_id, songs.title, songs.created_at
order by served_to desc, songs.song_id
