with

channel_contributions as (

    select * from {{ ref('channel_contributions') }}

)

-- the three songs that gave most, and the rest in one row
select
    user_index,
    song_index,
    channel,
    case when contribution_rank <= 3 then seed_index end as seed_index,
    cast(sum(cast(contribution as decimal(18, 9))) as double) as contribution,
    min(contribution_rank) as contribution_rank
from channel_contributions
group by
    user_index,
    song_index,
    channel,
    case when contribution_rank <= 3 then seed_index end
