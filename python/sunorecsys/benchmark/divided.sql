-- divides train: what is held out is the newest share of rows where test is later than
-- train, and else a share of each listener's rows, by a hash
create or replace table divided as
with
is_later as (
    select
        coalesce(
            (select min(ts) from test) >= (select max(ts) from train), false
        ) as test_is_later,
        (select quantile_disc(ts, 1 - $share) from train) as divided_at
),
placed as (
    select
        train.*,
        -- repeats of a pair go together
        dense_rank() over (
            partition by train.user_id
            order by md5(train.user_id || ':' || train.item_id || ':' || cast($seed as varchar)), train.item_id
        ) as place,
        count(distinct train.item_id) over (partition by train.user_id) as song_count
    from train
)
select
    placed.user_id,
    placed.item_id,
    placed.weight,
    placed.ts,
    case
        when is_later.test_is_later then placed.ts > is_later.divided_at
        else placed.place <= greatest(1, round($share * placed.song_count))
            and placed.user_id in (select user_id from judged_listeners)
    end as is_held_out
from placed
cross join is_later
