with

listener_recommendations as (

    select * from {{ ref('listener_recommendations') }}

),

recommendation_sentences as (

    select * from {{ ref('recommendation_sentences') }}

),

listener_variants as (

    select
        user_index,
        variant
    from {{ ref('listener_variants') }}

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

)

select
    matrix_users.user_id,
    matrix_users.user_index,
    listener_recommendations.recommendation_rank,
    catalogue.song_id,
    listener_recommendations.blended_score,
    listener_recommendations.item_cf_score,
    listener_recommendations.content_score,
    listener_recommendations.prompt_score,
    listener_recommendations.user_cf_score,
    listener_recommendations.quality_score,
    listener_recommendations.primary_channel,
    listener_recommendations.relaxed_rule,
    recommendation_sentences.reason,
    listener_variants.variant
from listener_recommendations
inner join recommendation_sentences using (user_index, song_index)
inner join listener_variants using (user_index)
inner join matrix_users using (user_index)
inner join catalogue using (song_index)
