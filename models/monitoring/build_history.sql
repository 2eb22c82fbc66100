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
    cast({{ list_length('steps') }} as integer) as steps,
    cast(
        {{ list_length(list_where('steps', 'step', "step.status = 'warn'")) }}
        as integer
    ) as warnings,
    -- the first in the order in which they ended
    {{ list_first(
        list_where(
            'steps', 'step', "step.status in ('error', 'fail', 'runtime error')"
        )
    ) }}.name as failed_step
from builds
