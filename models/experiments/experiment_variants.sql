with

experiments as (

    select * from {{ ref('stg_experiments') }}

),

variant_weights as (

    select distinct variant
    from {{ ref('variant_weights') }}
    -- its weights may be others in each build
    where variant != 'custom'

),

known_variants as (

    select {{ list_in_order('variant', ['variant']) }} as variants from variant_weights

),

clashes as (

    select
        one.experiment,
        min(other.experiment) as other_experiment
    from experiments as one
    inner join experiments as other
        on
            one.experiment != other.experiment
            and one.starts_on < other.ends_on
            and other.starts_on < one.ends_on
    group by one.experiment

),

judged as (

    select
        experiments.*,
        case
            when not coalesce(array_contains(variants, variant), false)
                then concat_ws(
                        '', 'has the variant ''', variant,
                        ''', which is not in channel_weights; known: ',
                        {{ list_text('variants', ', ') }}
                    )
            when count(*) over (partition by experiment, variant) > 1
                then 'names the variant ' || variant || ' twice; leave one row'
            when sum(share) over (partition by experiment) > 1
                then 'has shares that add up to more than 1; make them smaller'
            when
                count(*) over (partition by experiment) < 2
                or count(*) filter (where is_control)
                    over (partition by experiment)
                != 1
                then 'needs two variants or more, and is_control true for one of them'
            when
                count(*) over (partition by experiment, starts_on, ends_on)
                < count(*) over (partition by experiment)
                then 'has other dates for another variant; give all of them the same'
            when other_experiment is not null
                then 'runs at the same time as ' || other_experiment
                    || '; end one before the other starts'
        end as problem
    from experiments
    cross join known_variants
    left join clashes using (experiment)

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
                "'Experiment ''' || experiment || "
                ~ "''' of seeds/reference/experiments.csv ' || problem || '.'"
            ) }}
    end
