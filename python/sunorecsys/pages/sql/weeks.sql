-- The weeks of which a listener has a list, the newest first. One row per week.
-- $1: the listener.
select distinct discover_weekly.week_start
from listeners
inner join discover_weekly on listeners.user_index = discover_weekly.user_index
where listeners.user_id = $1
order by discover_weekly.week_start desc
limit 26
