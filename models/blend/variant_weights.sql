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
),

all_weights as (

    select * from channel_weights
    where variant != 'custom'
    union all
    select * from custom_weights
    where {{ 'true' if weights else 'false' }}

),

known_variants as (

    select list(distinct variant order by variant) as variants from all_weights

)

select all_weights.*
from all_weights
cross join known_variants
where
    case
        when list_contains(known_variants.variants, '{{ variant }}') then true
        else error(
                'No variant {{ variant }} in channel_weights; known: '
                || array_to_string(known_variants.variants, ', ')
            )
    end
