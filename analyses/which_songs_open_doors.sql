-- Which played songs lead to the most recommendations, and through which channel?
select
    songs.song_id,
    songs.title,
    count(distinct recommendation_reasons.user_id) as listeners,
    count(*) as reasons,
    round(sum(recommendation_reasons.contribution), 2) as contribution,
    mode(recommendation_reasons.channel) as most_frequent_channel
from recommendation_reasons
inner join songs
    on recommendation_reasons.seed_song_id = songs.song_id
group by songs.song_id, songs.title
order by contribution desc, songs.song_id
limit 20
