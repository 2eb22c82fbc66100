-- Who got most places this week. One row per creator, the first first.
select
    left(coalesce(creator_name, creator_id, 'unknown'), 100) as creator_name,
    songs_served,
    places,
    share_of_places
from creator_exposure
where week_start = (select max(week_start) from creator_exposure)
order by exposure_rank
limit 8
