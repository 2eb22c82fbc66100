with

evaluations as (

    select * from {{ landing_rows('evaluations', {
        'as_of': 'timestamp',
        'evaluated_until': 'timestamp',
        'source': 'string',
        'variant': 'string',
        'recommender': 'string',
        'history_stage': 'string',
        'metric': 'string',
        'k': 'integer',
        'value': 'double',
        'standard_error': 'double',
        'users': 'bigint',
    }) }}

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
