with

builds as (

    select * from {{ ref('stg_builds') }}

),

steps as (

    select
        build_id,
        unnest(steps) as step,
        unnest(range(1, len(steps) + 1)) as step_number
    from builds

)

select
    build_id,
    cast(step_number as integer) as step_number,
    step.resource_type,
    step.name,
    step.status,
    step.seconds,
    step.row_count,
    step.failures
from steps
