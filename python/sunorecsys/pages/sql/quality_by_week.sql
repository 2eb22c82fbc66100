-- How well each recommender foresaw a week, as nDCG of 10 with its 95 % interval. One
-- row per week and recommender, in order.
select
    week_start,
    recommender,
    value,
    greatest(value - 1.96 * standard_error, 0) as lower_bound,
    value + 1.96 * standard_error as upper_bound,
    users
from evaluation_metrics
where metric = 'ndcg' and k = 10 and history_stage = 'all'
-- of several blends of a week, the one that serves
qualify
    row_number() over (
        partition by week_start, recommender
        order by
            variant = (select variant from build_settings) desc,
            as_of desc,
            variant
    ) = 1
order by week_start, recommender
