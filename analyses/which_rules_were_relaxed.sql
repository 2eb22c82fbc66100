-- For how many listeners did a rule of the list have to give way, and which?
select
    listeners.history_stage,
    coalesce(recommendations.relaxed_rule, 'none') as relaxed_rule,
    count(distinct recommendations.user_id) as listeners,
    count(*) as songs
from recommendations
inner join listeners using (user_id)
where recommendations.recommendation_rank <= 30
group by listeners.history_stage, relaxed_rule
order by listeners.history_stage, songs desc
