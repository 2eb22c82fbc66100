with

recommendations as (

    select
        user_id,
        recommendation_rank
    from {{ ref('recommendations') }}

),

listening_history as (

    select
        user_id,
        history_rank
    from {{ ref('listening_history') }}

),

ranks as (

    select
        'recommendations' as ranked,
        user_id,
        recommendation_rank as place
    from recommendations
    union all
    select
        'listening_history' as ranked,
        user_id,
        history_rank as place
    from listening_history

)

select
    ranked,
    user_id,
    count(*) as places,
    count(distinct place) as distinct_places,
    min(place) as first_place,
    max(place) as last_place
from ranks
group by ranked, user_id
having first_place != 1 or last_place != places or distinct_places != places
