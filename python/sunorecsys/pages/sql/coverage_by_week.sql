-- How much of the catalogue, and of its creators, is served. One row per week, in order.
select
    weekly_lists.week_start,
    weekly_lists.listeners_served,
    weekly_lists.share_of_songs_served,
    weekly_exposure.creators_served / nullif(weekly_exposure.creators, 0)
        as share_of_creators_served,
    weekly_exposure.gini,
    weekly_exposure.share_of_top_percent,
    weekly_lists.share_of_new_songs
from weekly_lists
left join weekly_exposure on weekly_lists.week_start = weekly_exposure.week_start
order by weekly_lists.week_start
