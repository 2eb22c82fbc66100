{%- set variant = valid_name(var('variant')) -%}
{%- set weights = var('weights') or {} -%}
{%- set channels = ['item_cf', 'content', 'prompt', 'user_cf', 'quality'] -%}
{%- for channel, weight in weights.items() -%}
    {%- if channel not in channels -%}
        {{ exceptions.raise_compiler_error(
            "weights names '" ~ channel ~ "'; channels are " ~ channels | join(', ') ~ '.'
        ) }}
    {%- endif -%}
    {#- a comparison with NaN is false -#}
    {%- if weight is not number or not (weight >= 0 and weight < 1e9) -%}
        {{ exceptions.raise_compiler_error(
            'weights gives ' ~ channel ~ ' ' ~ weight ~ '; use a number of 0 or more.'
        ) }}
    {%- endif -%}
{%- endfor -%}

with

channel_weights as (

    select * from {{ ref('channel_weights') }}

),

history_stages as (

    select history_stage
    from {{ value_rows(['new', 'light', 'regular'], 'history_stage') }}

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
),

all_weights as (

    select * from channel_weights
    where variant != 'custom'
    union all
    select * from custom_weights
    where {{ 'true' if weights else 'false' }}

),

variants as (

    select distinct variant from all_weights

),

known_variants as (

    select {{ list_in_order('variant', ['variant']) }} as variants from variants

)

select all_weights.*
from all_weights
cross join known_variants
where
    case
        when array_contains(known_variants.variants, '{{ variant }}') then true
        else
            {{ stop_with(
                "'No variant " ~ variant ~ " in channel_weights; known: ' || "
                ~ list_text('known_variants.variants', ', ')
            ) }}
    end
