{%- set channels = {
    'item_cf': 'item_cf_neighbors',
    'content': 'content_neighbors',
    'prompt': 'prompt_neighbors',
    'blended': 'similar_blend',
} -%}

with

neighbors as (

    {% for channel, model in channels.items() -%}
    select
        song_index,
        '{{ channel }}' as channel,
        neighbor_index,
        similarity,
        neighbor_rank
    from {{ ref(model) }}
    where neighbor_rank <= {{
        [var('similar_songs_kept'), var('top_k_per_seed')] | max
    }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

)

select
    catalogue.song_id,
    catalogue.song_index,
    neighbors.channel,
    neighbor.song_id as similar_song_id,
    neighbor.song_index as similar_song_index,
    neighbors.similarity,
    neighbors.neighbor_rank as similarity_rank
from neighbors
inner join catalogue using (song_index)
inner join catalogue as neighbor
    on neighbors.neighbor_index = neighbor.song_index
