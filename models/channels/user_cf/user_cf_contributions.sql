select
    user_index,
    song_index,
    'user_cf' as channel,
    seed_index,
    contribution
from {{ ref('als_contributions') }}
