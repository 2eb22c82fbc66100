-- How much of the playlist score does each channel give, by how much a listener has
-- played?
select
    listeners.history_stage,
    count(distinct listeners.user_id) as listeners,
    round(avg(recommendations.item_cf_score), 3) as item_cf,
    round(avg(recommendations.content_score), 3) as content,
    round(avg(recommendations.prompt_score), 3) as prompt,
    round(avg(recommendations.user_cf_score), 3) as user_cf,
    round(avg(recommendations.quality_score), 3) as quality,
    mode(recommendations.primary_channel) as most_frequent_primary_channel
from recommendations
inner join listeners using (user_id)
where recommendations.recommendation_rank <= 30
group by listeners.history_stage
order by listeners.history_stage
