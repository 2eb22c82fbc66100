-- In how many lists a song stood, and how high at best, by week. One row per week, the
-- newest first. $1: the song.
select
    weekly_lists.week_start,
    weekly_lists.listeners_served,
    count(discover_weekly.song_id) as lists,
    min(discover_weekly.playlist_rank) as best_rank
from weekly_lists
left join discover_weekly
    on
        weekly_lists.week_start = discover_weekly.week_start
        and discover_weekly.song_id = $1
group by weekly_lists.week_start, weekly_lists.listeners_served
order by weekly_lists.week_start desc
limit 8
