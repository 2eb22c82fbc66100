with

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

)

select
    recommender,
    listener_index,
    {{ list_in_order('song_index', ['list_rank']) }} as songs
from ranked_lists
group by recommender, listener_index
