-- the listeners whose rows are held out: a sample by a hash
create or replace table judged_listeners as
with
is_later as (
    select
        (select min(ts) from test) >= (select max(ts) from train) as test_is_later
),
pairs as (
    select
        user_id,
        count(distinct item_id) as song_count
    from train
    group by user_id
)
select pairs.user_id
from pairs
cross join is_later
-- a listener keeps a song at least
where pairs.song_count >= 2 or is_later.test_is_later
qualify
    row_number() over (
        order by md5(pairs.user_id || ':' || cast($seed as varchar)), pairs.user_id
    ) <= case when is_later.test_is_later then 1e9 else $listeners end
