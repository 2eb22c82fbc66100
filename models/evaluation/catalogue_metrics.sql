with

exposures as (

    select * from {{ ref('exposures') }}

),

evaluated_listeners as (

    select listener_index from {{ ref('evaluated_listeners') }}

),

catalogue as (

    select
        song_index,
        creator_index
    from {{ ref('catalogue') }}
    where not is_hidden

),

depths as (

    select k from {{ value_rows(var('evaluation_depths'), 'k') }}

),

recommenders as (

    select recommender
    from {{ value_rows(var('evaluated_recommenders'), 'recommender') }}

),

-- no row where nothing is evaluated
users as (

    select count(*) as users
    from evaluated_listeners
    having count(*) > 0

),

totals as (

    select
        count(*) as songs,
        count(distinct creator_index) as creators
    from catalogue

),

measured as (

    select
        exposures.recommender,
        exposures.k,
        count(*) filter (where exposures.exposed = 'song')
        / any_value(totals.songs) as coverage,
        {{ gini("exposures.exposed = 'song'", 'totals.songs') }} as gini,
        {{ gini("exposures.exposed = 'creator'", 'totals.creators') }} as creator_gini,
        sum(exposures.exposure) filter (
            where
            exposures.exposed = 'creator'
            and exposures.exposure_rank <= ceil(0.01 * totals.creators)
        )
        / sum(exposures.exposure) filter (where exposures.exposed = 'creator')
            as top_creator_share
    from exposures
    cross join totals
    group by exposures.recommender, exposures.k

)

select
    recommenders.recommender,
    depths.k,
    users.users,
    coalesce(measured.coverage, 0) as coverage,
    measured.gini,
    measured.creator_gini,
    measured.top_creator_share
from users
cross join recommenders
cross join depths
left join measured using (recommender, k)
