with

experiments as (

    select * from {{ ref('experiments') }}

),

typed as (

    select
        experiment,
        variant,
        coalesce(is_control, 'false') as control_text,
        try_cast(control_text as boolean) as is_control,
        share as share_text,
        try_cast(share as decimal(9, 6)) as share,
        starts_on as start_text,
        try_cast(starts_on as date) as starts_on,
        coalesce(ends_on, '9999-12-31') as end_text,
        try_cast(end_text as date) as ends_on
    from experiments

),

-- concat_ws takes a null as nothing
judged as (

    select
        *,
        case
            when regexp_extract(
                    coalesce(experiment, ''), '\A[A-Za-z0-9_-]{1,64}\z', 0
                ) = ''
                then 'has no valid name; use letters, digits, _ and -'
            when not coalesce(share between 0 and 1, false)
                then concat_ws(
                        '', 'gives ', variant, ' the share ''', share_text,
                        '''; use a number from 0 to 1'
                    )
            when is_control is null
                then concat_ws(
                        '', 'has is_control ''', control_text, '''; use true or false'
                    )
            when starts_on is null
                then concat_ws(
                        '', 'starts on ''', start_text,
                        '''; use a date such as 2025-01-31'
                    )
            when not coalesce(ends_on > starts_on, false)
                then concat_ws(
                        '', 'ends on ''', end_text,
                        '''; use a date after its first day, or none'
                    )
        end as problem
    from typed

)

select
    experiment,
    variant,
    is_control,
    share,
    starts_on,
    ends_on
from judged
where
    case
        when problem is null then true
        else
            {{ stop_with(
                "concat_ws('', 'Experiment ''', experiment, "
                ~ "''' of seeds/reference/experiments.csv ', problem, '.')"
            ) }}
    end
