with

evaluations as (

    select * from {{ ref('stg_evaluations') }}

)

select
    as_of,
    cast(date_trunc('week', as_of) as date) as week_start,
    variant,
    recommender,
    history_stage,
    metric,
    cast(k as integer) as k,
    value,
    standard_error,
    cast(users as bigint) as users
from evaluations
