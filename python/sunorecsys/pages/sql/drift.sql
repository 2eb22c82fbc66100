-- How far the scores of each channel moved since the week before. One row per channel.
select
    channel,
    previous_week_start,
    population_stability_index
from score_drift
where week_start = (select max(week_start) from score_drift)
order by channel
