with

evaluations as (

    {% if execute and landing_files('evaluations') > 0 -%}
    select
        as_of,
        evaluated_until,
        source,
        variant,
        recommender,
        history_stage,
        metric,
        k,
        value,
        standard_error,
        users
    from read_parquet('landing/evaluations/*.parquet')
    {%- else -%}
    select
        cast(null as timestamp) as as_of,
        cast(null as timestamp) as evaluated_until,
        cast(null as string) as source,
        cast(null as string) as variant,
        cast(null as string) as recommender,
        cast(null as string) as history_stage,
        cast(null as string) as metric,
        cast(null as integer) as k,
        cast(null as double) as value,
        cast(null as double) as standard_error,
        cast(null as bigint) as users
    where false
    {%- endif %}

),

build_clock as (

    select
        as_of,
        source
    from {{ ref('build_clock') }}

)

-- what was measured by later listens is the future
select
    evaluations.as_of,
    evaluations.variant,
    evaluations.recommender,
    evaluations.history_stage,
    evaluations.metric,
    evaluations.k,
    evaluations.value,
    evaluations.standard_error,
    evaluations.users
from evaluations
inner join build_clock
    on
        evaluations.source = build_clock.source
        and evaluations.evaluated_until <= build_clock.as_of
