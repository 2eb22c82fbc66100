{%- set channels = ['item_cf', 'content', 'prompt', 'user_cf'] -%}

with

contributions as (

    {% for channel in channels -%}
    select
        user_index,
        song_index,
        channel,
        seed_index,
        contribution
    from {{ ref(channel ~ '_contributions') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

listener_channels as (

    select
        user_index,
        channel,
        highest_score
    from {{ ref('listener_channels') }}

),

listener_weights as (

    select * from {{ ref('listener_weights') }}

),

-- on the scale of the blended score
weighted as (

    select
        contributions.user_index,
        contributions.song_index,
        contributions.channel,
        contributions.seed_index,
        contributions.contribution / listener_channels.highest_score
        * case contributions.channel
            when 'item_cf' then listener_weights.item_cf
            when 'content' then listener_weights.content
            when 'prompt' then listener_weights.prompt
            when 'user_cf' then listener_weights.user_cf
        end as contribution
    from contributions
    inner join listener_channels using (user_index, channel)
    inner join listener_weights using (user_index)

)

select
    user_index,
    song_index,
    channel,
    seed_index,
    round(contribution, 9) as contribution,
    -- the remainder of ALS has no seed song and comes last
    cast(
        row_number() over (
            partition by user_index, song_index, channel
            order by seed_index is null, contribution desc, seed_index
        ) as integer
    ) as contribution_rank
from weighted
