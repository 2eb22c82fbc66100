-- the events of landing: the newest of train is the last second before the day, and what
-- is to be found happens in the first hour of it
with
newest as (
    select max(ts) as ts from past
)
select
    cast(null as varchar) as event_id,
    past.user_id,
    past.item_id as song_id,
    'play' as interaction_type,
    coalesce(
        cast($as_of as timestamp)
        - to_seconds(cast(1 + newest.ts - past.ts as double)),
        timestamp '1970-01-01'
    ) as occurred_at,
    coalesce(past.weight, 1.0) as weight
from past
cross join newest
union all
-- a skip of no weight is known, and says nothing
select
    null as event_id,
    user_id,
    item_id as song_id,
    'skip' as interaction_type,
    timestamp '1970-01-01' as occurred_at,
    1e-9 as weight
from known
union all
select
    null as event_id,
    user_id,
    item_id as song_id,
    'play' as interaction_type,
    cast($as_of as timestamp) + interval 1 hour as occurred_at,
    1.0 as weight
from future
order by user_id, song_id, occurred_at, weight
