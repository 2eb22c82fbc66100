-- listener_metrics: chain, as_of, recommender, user_id, k and a column per metric
-- catalogue_metrics: chain, as_of, recommender, k and a column per metric
with

listener_values as (

    unpivot listener_metrics
    on
        precision,
        recall,
        ndcg,
        map,
        mrr,
        hit_rate,
        genre_diversity,
        tag_diversity,
        embedding_diversity,
        novelty,
        popularity_bias,
        repetition
    into name metric value value

),

catalogue_values as (

    unpivot catalogue_metrics
    on coverage, gini, creator_gini, top_creator_share
    into name metric value value

),

-- a metric of the catalogue is one value a week
all_values as (

    select
        chain,
        as_of,
        recommender,
        metric,
        k,
        true as of_listeners,
        user_id as cluster,
        value
    from listener_values
    union all
    select
        chain,
        as_of,
        recommender,
        metric,
        k,
        false as of_listeners,
        cast(as_of as varchar) as cluster,
        value
    from catalogue_values

),

compared as (

    select
        recommender,
        cast(null as varchar) as baseline,
        metric,
        k,
        of_listeners,
        cluster,
        value
    from all_values
    where chain = 'chosen'
    union all
    select
        chosen.recommender,
        'popularity' as baseline,
        chosen.metric,
        chosen.k,
        chosen.of_listeners,
        chosen.cluster,
        chosen.value - other.value as value
    from all_values as chosen
    inner join all_values as other using (chain, as_of, cluster, metric, k)
    where
        chosen.chain = 'chosen'
        and chosen.recommender != 'popularity'
        and other.recommender = 'popularity'
    union all
    select
        chosen.recommender,
        'classic' as baseline,
        chosen.metric,
        chosen.k,
        chosen.of_listeners,
        chosen.cluster,
        chosen.value - other.value as value
    from all_values as chosen
    inner join all_values as other using (as_of, cluster, recommender, metric, k)
    where chosen.chain = 'chosen' and other.chain = 'classic'

),

-- decimals, because parallel sums of doubles differ from run to run
clusters as (

    select
        recommender,
        baseline,
        metric,
        k,
        of_listeners,
        cluster,
        sum(cast(value as decimal(18, 12))) as total,
        count(*) as weeks
    from compared
    group by all

),

means as (

    select
        recommender,
        baseline,
        metric,
        k,
        cast(sum(total) as double) / sum(weeks) as mean,
        count(*) as clusters,
        cast(sum(weeks) as bigint) as cluster_weeks
    from clusters
    group by all

),

-- of all weeks of a listener together: they are not independent of each other
deviations as (

    select
        clusters.recommender,
        clusters.baseline,
        clusters.metric,
        clusters.k,
        clusters.of_listeners,
        means.mean,
        means.clusters,
        means.cluster_weeks,
        cast(
            pow(cast(clusters.total as double) - clusters.weeks * means.mean, 2)
            as decimal(28, 18)
        ) as squared
    from clusters
    inner join means
        on
            clusters.recommender = means.recommender
            and clusters.baseline is not distinct from means.baseline
            and clusters.metric = means.metric
            and clusters.k = means.k

)

select
    recommender,
    baseline,
    metric,
    k,
    mean as value,
    case
        when clusters > 1
            then
                sqrt(cast(sum(squared) as double) * clusters / (clusters - 1))
                / cluster_weeks
    end as standard_error,
    case when of_listeners then clusters end as users,
    case when of_listeners then cluster_weeks end as listener_weeks,
    clusters
from deviations
group by
    recommender,
    baseline,
    metric,
    k,
    of_listeners,
    mean,
    clusters,
    cluster_weeks
order by recommender, baseline nulls first, metric, k
