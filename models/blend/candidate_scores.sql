{%- set channels = ['item_cf', 'content', 'prompt', 'user_cf'] -%}

with

candidates as (

    {% for channel in channels -%}
    select
        user_index,
        song_index,
        channel,
        channel_score,
        channel_rank
    from {{ ref(channel ~ '_candidates') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    user_index,
    song_index,
    channel,
    channel_score,
    channel_rank,
    -- the best song of a channel has 1, so that no channel is louder than another
    channel_score / max(channel_score) over (partition by user_index, channel)
        as normalized_score
from candidates
