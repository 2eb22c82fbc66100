with

ranking_metrics as (

    select * from {{ ref('ranking_metrics') }}

),

list_metrics as (

    select * from {{ ref('list_metrics') }}

),

genre_diversity as (

    select * from {{ ref('genre_diversity') }}

),

tag_diversity as (

    select * from {{ ref('tag_diversity') }}

),

embedding_diversity as (

    select * from {{ ref('embedding_diversity') }}

),

list_repeats as (

    select * from {{ ref('list_repeats') }}

),

evaluated_listeners as (

    select
        listener_index,
        user_id,
        history_stage
    from {{ ref('evaluated_listeners') }}

)

select
    ranking_metrics.recommender,
    evaluated_listeners.user_id,
    evaluated_listeners.history_stage,
    ranking_metrics.k,
    ranking_metrics.precision,
    ranking_metrics.recall,
    ranking_metrics.ndcg,
    ranking_metrics.map,
    ranking_metrics.mrr,
    ranking_metrics.hit_rate,
    genre_diversity.genre_diversity,
    tag_diversity.tag_diversity,
    embedding_diversity.embedding_diversity,
    list_metrics.novelty,
    list_metrics.popularity_bias,
    list_repeats.repetition
from ranking_metrics
inner join evaluated_listeners using (listener_index)
left join list_metrics using (recommender, listener_index, k)
left join genre_diversity using (recommender, listener_index, k)
left join tag_diversity using (recommender, listener_index, k)
left join embedding_diversity using (recommender, listener_index, k)
left join list_repeats using (recommender, listener_index, k)
