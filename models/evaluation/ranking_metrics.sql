with

hits as (

    select * from {{ ref('hits') }}

),

evaluated_listeners as (

    select
        listener_index,
        held_out_count
    from {{ ref('evaluated_listeners') }}

),

depths as (

    select k from {{ value_rows(var('evaluation_depths'), 'k') }}

),

recommenders as (

    select recommender
    from {{ value_rows(var('evaluated_recommenders'), 'recommender') }}

),

-- of a hit at a rank, and of hits at all ranks up to it; decimals add up exactly
gain_per_rank as (

    select
        list_rank,
        cast(1 / log2(1 + list_rank) as decimal(18, 15)) as gain
    from {{ value_rows(range(1, var('evaluation_depths') | max + 1), 'list_rank') }}

),

gains as (

    select
        list_rank,
        gain,
        sum(gain) over (order by list_rank) as best_gain
    from gain_per_rank

),

found as (

    select
        hits.recommender,
        hits.listener_index,
        depths.k,
        count(*) as hit_count,
        sum(gains.gain) as gain,
        sum(cast(hits.hit_number / hits.list_rank as decimal(18, 15))) as precisions,
        min(hits.list_rank) as first_rank
    from hits
    inner join gains using (list_rank)
    inner join depths
        on hits.list_rank <= depths.k
    group by hits.recommender, hits.listener_index, depths.k

)

select
    recommenders.recommender,
    evaluated_listeners.listener_index,
    depths.k,
    coalesce(found.hit_count, 0) / depths.k as precision,
    coalesce(found.hit_count, 0) / evaluated_listeners.held_out_count as recall,
    coalesce(cast(found.gain as double), 0) / cast(gains.best_gain as double) as ndcg,
    coalesce(cast(found.precisions as double), 0) / gains.list_rank as map,
    coalesce(1 / found.first_rank, 0) as mrr,
    cast(found.hit_count is not null as integer) as hit_rate
from evaluated_listeners
cross join recommenders
cross join depths
-- the best list holds all its hits first, as many as fit
inner join gains
    on least(depths.k, evaluated_listeners.held_out_count) = gains.list_rank
left join found
    on
        recommenders.recommender = found.recommender
        and evaluated_listeners.listener_index = found.listener_index
        and depths.k = found.k
