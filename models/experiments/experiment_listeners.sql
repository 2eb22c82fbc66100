with

experiment_lists as (

    select * from {{ ref('experiment_lists') }}

)

select
    experiment,
    user_id,
    any_value(variant) as variant,
    count(*) as lists,
    count(*) filter (where songs_played > 0) as hits,
    cast(sum(songs_played) as bigint) as songs_played
from experiment_lists
group by experiment, user_id
-- who got lists of two variants, because somebody changed the shares, says nothing of
-- either
having count(distinct variant) = 1
