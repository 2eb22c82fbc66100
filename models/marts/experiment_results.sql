{%- set effect = var('experiment_effect') -%}
{%- if effect is not number or not 0 < effect <= 0.5 -%}
    {{ exceptions.raise_compiler_error(
        'experiment_effect is ' ~ effect
        ~ '; use a difference of hit rates, above 0 and at most 0.5.'
    ) }}
{%- endif -%}
{#- quantiles of the normal distribution: 97.5 % and 80 % -#}
{%- set z_alpha = 1.959963984540054 -%}
{%- set z_beta = 0.8416212335729143 -%}

with

experiment_means as (

    select * from {{ ref('experiment_means') }}

),

controls as (

    select
        experiment,
        metric,
        value,
        standard_error,
        -- the hit rates that the experiment should tell apart
        case when metric = 'hit_rate' then value end as p1,
        case
            when p1 + {{ effect }} <= 1 then p1 + {{ effect }}
            else p1 - {{ effect }}
        end as p2,
        (p1 + p2) / 2 as p
    from experiment_means
    where is_control

),

compared as (

    select
        experiment_means.*,
        case
            when not experiment_means.is_control
                then experiment_means.value - controls.value
        end as difference,
        sqrt(
            power(experiment_means.standard_error, 2)
            + power(controls.standard_error, 2)
        ) as difference_error,
        cast(
            ceil(
                power(
                    {{ z_alpha }} * sqrt(2 * controls.p * (1 - controls.p))
                    + {{ z_beta }} * sqrt(
                        controls.p1 * (1 - controls.p1)
                        + controls.p2 * (1 - controls.p2)
                    ),
                    2
                ) / power(controls.p1 - controls.p2, 2)
            ) as bigint
        ) as listeners_needed
    from experiment_means
    inner join controls using (experiment, metric)

)

select
    experiment,
    variant,
    metric,
    is_control,
    listeners,
    lists,
    round(value, 9) as value,
    round(standard_error, 9) as standard_error,
    round(value - {{ z_alpha }} * standard_error, 9) as lower_bound,
    round(value + {{ z_alpha }} * standard_error, 9) as upper_bound,
    round(difference, 9) as difference,
    round(difference - {{ z_alpha }} * difference_error, 9) as difference_lower_bound,
    round(difference + {{ z_alpha }} * difference_error, 9) as difference_upper_bound,
    listeners_needed,
    case
        when listeners_needed is not null
            then greatest(listeners_needed - listeners, 0)
    end as listeners_missing
from compared
