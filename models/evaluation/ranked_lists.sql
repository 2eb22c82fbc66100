{%- set longest = var('evaluation_depths') | max -%}
{%- set recommenders = var('evaluated_recommenders') -%}
{%- set own_models = ['blended', 'popularity', 'discover_weekly'] -%}

with

evaluated_listeners as (

    select
        listener_index,
        user_index
    from {{ ref('evaluated_listeners') }}

),

lists as (

    {% for channel in recommenders if channel not in own_models -%}
    select
        '{{ channel }}' as recommender,
        evaluated_listeners.listener_index,
        candidates.song_index,
        candidates.channel_rank as list_rank
    from {{ ref(channel ~ '_candidates') }} as candidates
    inner join evaluated_listeners using (user_index)
    union all
    {% endfor %}
    {%- if 'blended' in recommenders -%}
    select
        'blended' as recommender,
        listener_index,
        song_index,
        list_rank
    from {{ ref('blended_lists') }}
    union all
    {% endif %}
    {%- if 'discover_weekly' in recommenders -%}
    -- as served, by all rules of a list
    select
        'discover_weekly' as recommender,
        evaluated_listeners.listener_index,
        recommendations.song_index,
        recommendations.recommendation_rank as list_rank
    from {{ ref('listener_recommendations') }} as recommendations
    inner join evaluated_listeners using (user_index)
    where recommendations.is_in_playlist
    union all
    select
        'discover_weekly' as recommender,
        popular_lists.listener_index,
        popular_lists.song_index,
        popular_lists.list_rank
    from {{ ref('popular_lists') }} as popular_lists
    inner join evaluated_listeners using (listener_index)
    where
        evaluated_listeners.user_index is null
        and popular_lists.list_rank <= {{ var('playlist_length') }}
    union all
    {% endif %}
    select
        'popularity' as recommender,
        listener_index,
        song_index,
        list_rank
    from {{ ref('popular_lists') }}
    where {{ 'true' if 'popularity' in recommenders else 'false' }}

)

select
    recommender,
    listener_index,
    song_index,
    cast(list_rank as integer) as list_rank
from lists
where list_rank <= {{ longest }}
