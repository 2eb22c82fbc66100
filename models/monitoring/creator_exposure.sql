with

creator_places as (

    select * from {{ ref('creator_places') }}
    where places > 0

),

creators as (

    select
        creator_index,
        max(creator_id) as creator_id,
        max(creator_name) as creator_name
    from {{ ref('catalogue') }}
    group by creator_index

),

ranked as (

    select
        *,
        row_number() over (
            partition by week_start
            order by places desc, creator_index
        ) as creator_rank,
        sum(places) over (partition by week_start) as all_places
    from creator_places

),

-- all behind the first hundred together
exposed as (

    select
        week_start,
        case when creator_rank <= 100 then creator_rank end as exposure_rank,
        max(case when creator_rank <= 100 then creator_index end) as creator_index,
        count(*) as creators,
        sum(songs_served) as songs_served,
        sum(places) as places,
        any_value(all_places) as all_places
    from ranked
    group by week_start, exposure_rank

)

select
    exposed.week_start,
    cast(exposed.exposure_rank as integer) as exposure_rank,
    creators.creator_id,
    creators.creator_name,
    exposed.creators,
    cast(exposed.songs_served as bigint) as songs_served,
    cast(exposed.places as bigint) as places,
    exposed.places / exposed.all_places as share_of_places
from exposed
left join creators using (creator_index)
