with

listener_activity as (

    select user_index from {{ ref('listener_activity') }}

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}

),

experiment_variants as (

    select * from {{ ref('experiment_variants') }}

),

build_clock as (

    select cast(as_of as date) as today from {{ ref('build_clock') }}

),

-- each variant of the experiment that runs takes its share of 0 to 1
ranges as (

    select
        experiment_variants.experiment,
        experiment_variants.variant,
        sum(experiment_variants.share) over (order by experiment_variants.variant)
            as shares,
        cast(shares - experiment_variants.share as double) as range_start,
        cast(shares as double) as range_end
    from experiment_variants
    inner join build_clock
        on
            experiment_variants.starts_on <= build_clock.today
            and build_clock.today < experiment_variants.ends_on

),

-- the name of the experiment deals the listeners anew in each
buckets as (

    select
        listener_activity.user_index,
        experiments.experiment,
        {{ text_number("experiments.experiment || ':' || matrix_users.user_id", 8) }}
        / cast(4294967296 as double) as bucket
    from listener_activity
    inner join matrix_users using (user_index)
    cross join (select distinct experiment from ranges) as experiments

),

assigned as (

    select
        buckets.user_index,
        ranges.experiment,
        ranges.variant
    from buckets
    inner join ranges
        on
            buckets.bucket >= ranges.range_start
            and buckets.bucket < ranges.range_end

)

select
    listener_activity.user_index,
    assigned.experiment,
    coalesce(assigned.variant, '{{ valid_name(var("variant")) }}') as variant
from listener_activity
left join assigned using (user_index)
