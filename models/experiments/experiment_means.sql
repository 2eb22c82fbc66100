with

experiment_variants as (

    select
        experiment,
        variant,
        is_control
    from {{ ref('experiment_variants') }}

),

experiment_listeners as (

    select * from {{ ref('experiment_listeners') }}

),

metrics as (

    select metric from {{ value_rows(['hit_rate', 'songs_played'], 'metric') }}

),

-- a listener is one opinion however many lists they got; decimals, because their sums
-- are the same in any order
amounts as (

    select
        experiment_variants.experiment,
        experiment_variants.variant,
        experiment_variants.is_control,
        metrics.metric,
        experiment_listeners.lists,
        cast(
            case metrics.metric
                when 'hit_rate' then experiment_listeners.hits
                else experiment_listeners.songs_played
            end / experiment_listeners.lists as decimal(18, 9)
        ) as amount
    from experiment_variants
    cross join metrics
    left join experiment_listeners using (experiment, variant)

),

sums as (

    select
        experiment,
        variant,
        is_control,
        metric,
        count(amount) as listeners,
        cast(coalesce(sum(lists), 0) as bigint) as lists,
        cast(sum(amount) as double) as total,
        cast(sum(amount * amount) as double) as total_of_squares
    from amounts
    group by experiment, variant, is_control, metric

)

select
    experiment,
    variant,
    is_control,
    metric,
    listeners,
    lists,
    total / listeners as value,
    -- a single listener says nothing of others
    case
        when listeners > 1
            then sqrt(
                    greatest(total_of_squares - total * total / listeners, 0)
                    / (listeners - 1)
                    / listeners
                )
    end as standard_error
from sums
