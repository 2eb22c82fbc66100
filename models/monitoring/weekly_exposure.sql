with

creator_places as (

    select
        week_start,
        creator_index,
        places
    from {{ ref('creator_places') }}

),

ranked as (

    select
        week_start,
        places,
        row_number() over (
            partition by week_start
            order by places, creator_index
        ) as place_rank,
        count(*) over (partition by week_start) as creators
    from creator_places

)

select
    week_start,
    any_value(creators) as creators,
    count(*) filter (where places > 0) as creators_served,
    -- Gini: 0 if all have the same, near 1 if one has all; in whole numbers until the
    -- last step, so that it is the same in any order
    sum((2 * place_rank - creators - 1) * places)
    / (any_value(creators) * sum(places)) as gini,
    sum(places) filter (
        where place_rank > creators - greatest(floor(creators / 100), 1)
    )
    / sum(places) as share_of_top_percent
from ranked
group by week_start
