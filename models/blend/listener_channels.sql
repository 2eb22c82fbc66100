with

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

)

select
    user_index,
    channel,
    max(channel_score) as highest_score,
    -- a channel with room for more candidates proposes all it has
    case
        when count(*) >= {{ var('candidates_per_channel') }} then min(channel_score)
        else 0
    end as lowest_score
from candidate_scores
group by user_index, channel
