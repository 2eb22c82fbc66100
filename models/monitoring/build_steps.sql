with

builds as (

    select * from {{ ref('stg_builds') }}

),

steps as (

    select
        build_id,
        {{ unnest_places('steps', 'step', 'place') }}
    from builds

)

select
    build_id,
    cast(place + 1 as integer) as step_number,
    step.resource_type,
    step.name,
    step.status,
    step.seconds,
    step.row_count,
    step.failures
from steps
