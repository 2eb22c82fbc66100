with

recommendations as (

    select
        user_id,
        recommendation_rank,
        relaxed_rule
    from {{ ref('recommendations') }}

),

steps as (

    select
        *,
        case relaxed_rule
            when 'repeat' then 1
            when 'variety' then 2
            when 'quality' then 3
            when 'popularity' then 4
            else 0
        end as step
    from recommendations

),

compared as (

    select
        *,
        lag(step) over (
            partition by user_id
            order by recommendation_rank
        ) as step_before
    from steps

)

select *
from compared
where step < step_before
