with

listener_songs as (

    select * from {{ ref('listener_songs') }}

)

select
    user_index,
    count(*) filter (where weight > 0 and not is_disliked) as song_count,
    cast(sum(interaction_count) as bigint) as interaction_count,
    min(first_interaction_at) as first_interaction_at,
    max(last_interaction_at) as last_interaction_at,
    case
        when song_count = 0 then 'new'
        when song_count < 5 then 'light'
        else 'regular'
    end as history_stage
from listener_songs
group by user_index
