-- whether the newest rows are held out, and how many listeners there are
select
    coalesce((select min(ts) from test) >= (select max(ts) from train), false),
    (select count(distinct user_id) from train)
