with

builds as (

    select * from {{ ref('stg_builds') }}

)

select
    build_id,
    started_at,
    seconds,
    status,
    as_of,
    source,
    release_id,
    cast(len(steps) as integer) as steps,
    cast(
        len(list_filter(steps, lambda step: step.status = 'warn')) as integer
    ) as warnings,
    -- the first in the order in which they ended
    list_filter(
        steps, lambda step: step.status in ('error', 'fail', 'runtime error')
    )[1].name as failed_step
from builds
