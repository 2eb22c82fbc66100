-- What experiments tell so far. One row per experiment, variant and metric.
select
    left(experiment, 60) as experiment,
    left(variant, 60) as variant,
    metric,
    is_control,
    listeners,
    lists,
    value,
    lower_bound,
    upper_bound,
    difference,
    difference_lower_bound,
    difference_upper_bound,
    listeners_missing
from experiment_results
order by experiment, metric, is_control desc, variant
limit 60
