with

build_clock as (

    select week_start from {{ ref('build_clock') }}

),

score_drift as (

    select
        score_drift.channel,
        score_drift.population_stability_index
    from {{ ref('score_drift') }} as score_drift
    inner join build_clock using (week_start)

),

-- a few songs are somewhere else by chance
vector_shift as (

    select *
    from {{ ref('vector_shift') }}
    where songs >= {{ var('min_songs_of_shift') }}
    qualify
        row_number() over (partition by vector_kind order by created_week desc) = 1

),

neighbor_recall as (

    select * from {{ ref('neighbor_recall') }}

),

data_freshness as (

    select * from {{ ref('data_freshness') }}
    where arrived in ('event', 'export')

)

select
    'score_drift' as check_name,
    channel as subject,
    population_stability_index as check_value
from score_drift
union all
select
    'vector_shift' as check_name,
    vector_kind as subject,
    greatest(cosine_distance - distance_by_chance, 0) as check_value
from vector_shift
union all
select
    'neighbor_recall' as check_name,
    vector_kind as subject,
    recall as check_value
from neighbor_recall
union all
select
    'data_age' as check_name,
    arrived as subject,
    age_days as check_value
from data_freshness
