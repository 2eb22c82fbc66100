with

als_candidates as (

    select * from {{ ref('als_candidates') }}

)

select
    user_index,
    song_index,
    'user_cf' as channel,
    channel_score,
    cast(
        row_number() over (
            partition by user_index
            order by channel_score desc, song_index
        ) as integer
    ) as channel_rank
from als_candidates
where channel_score > 0
qualify channel_rank <= {{ var('candidates_per_channel') }}
