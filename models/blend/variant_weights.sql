{%- set weights = var('weights') or {} -%}
{%- set channels = ['item_cf', 'content', 'prompt', 'user_cf', 'quality'] -%}
{%- for channel in weights if channel not in channels -%}
    {{ exceptions.raise_compiler_error(
        "weights names '" ~ channel ~ "'; channels are " ~ channels | join(', ') ~ '.'
    ) }}
{%- endfor -%}

with

channel_weights as (

    select * from {{ ref('channel_weights') }}

),

history_stages as (

    select unnest(['new', 'light', 'regular']) as history_stage

),

custom_weights as (

    {% for channel in channels -%}
    select
        'custom' as variant,
        history_stage,
        '{{ channel }}' as channel,
        cast({{ weights.get(channel, 0) | float }} as double) as weight
    from history_stages
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from channel_weights
where variant != 'custom'
union all
select * from custom_weights
where {{ 'true' if weights else 'false' }}
