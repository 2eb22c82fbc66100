{%- set listener_metrics = [
    'precision', 'recall', 'ndcg', 'map', 'mrr', 'hit_rate', 'genre_diversity',
    'tag_diversity', 'embedding_diversity', 'novelty', 'popularity_bias', 'repetition',
] -%}
{%- set catalogue_metrics = [
    'coverage', 'gini', 'creator_gini', 'top_creator_share',
] -%}

with

-- each listener counts for all, and for their stage
listener_metrics as (

    select
        recommender,
        k,
        {% for metric in listener_metrics -%}
        {{ metric }},
        {% endfor -%}
        {{ unnest_list(new_list(["'all'", 'history_stage'])) }} as history_stage
    from {{ ref('listener_metrics') }}

),

catalogue_metrics as (

    select * from {{ ref('catalogue_metrics') }}

),

means as (

    select
        {% for metric in listener_metrics -%}
        {{ mean_and_error(metric) }},
        {% endfor -%}
        recommender,
        history_stage,
        k
    from listener_metrics
    group by recommender, history_stage, k

),

summary as (

    {% for metric in listener_metrics -%}
    select
        recommender,
        history_stage,
        '{{ metric }}' as metric,
        k,
        {{ metric }}_mean as value,
        {{ metric }}_error as standard_error,
        {{ metric }}_users as users
    from means
    union all
    {% endfor %}
    {%- for metric in catalogue_metrics -%}
    select
        recommender,
        'all' as history_stage,
        '{{ metric }}' as metric,
        k,
        {{ metric }} as value,
        null as standard_error,
        users
    from catalogue_metrics
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    recommender,
    history_stage,
    metric,
    k,
    value,
    standard_error,
    users
from summary
where value is not null
