-- What listeners did with the songs of their lists, as shares of the places. One row per
-- week that is over, in order.
select
    week_start,
    any_value(places) as places,
    sum(share_of_places) filter (interaction_type = 'play') as played,
    sum(share_of_places) filter (interaction_type = 'like') as liked,
    sum(share_of_places) filter (interaction_type = 'skip') as skipped,
    sum(share_of_places) filter (interaction_type = 'dislike') as disliked
from weekly_responses
where primary_channel = 'all'
group by week_start
order by week_start
