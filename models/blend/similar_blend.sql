{%- set channels = ['item_cf', 'content', 'prompt'] -%}

with

neighbors as (

    {% for channel in channels -%}
    select
        song_index,
        neighbor_index,
        '{{ channel }}' as channel,
        similarity
    from {{ ref(channel ~ '_neighbors') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

variant_weights as (

    select
        channel,
        weight
    from {{ ref('variant_weights') }}
    where
        variant = '{{ valid_name(var("variant")) }}'
        and history_stage = 'regular'

),

-- as in a list: each channel divided by its best, then weighted
scaled as (

    select
        neighbors.song_index,
        neighbors.neighbor_index,
        variant_weights.weight * neighbors.similarity
        / max(neighbors.similarity) over (
            partition by neighbors.song_index, neighbors.channel
        ) as similarity
    from neighbors
    inner join variant_weights using (channel)

),

blended as (

    select
        song_index,
        neighbor_index,
        round(cast(sum(cast(similarity as decimal(18, 9))) as double), 9) as similarity
    from scaled
    group by song_index, neighbor_index

)

select
    song_index,
    neighbor_index,
    similarity,
    cast(
        row_number() over (
            partition by song_index
            order by similarity desc, neighbor_index
        ) as integer
    ) as neighbor_rank
from blended
where similarity > 0
qualify neighbor_rank <= {{ var('neighbors_per_song') }}
