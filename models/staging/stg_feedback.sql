{#- a damaged line is a row in which something is null -#}
{%- set files = {
    'parquet': "read_parquet('landing/feedback/*.parquet')",
    'jsonl': "read_json(
        'landing/feedback/*.jsonl',
        format = 'newline_delimited',
        ignore_errors = true,
        columns = {
            received_at: 'timestamp',
            event_id: 'varchar',
            user_id: 'varchar',
            song_id: 'varchar',
            interaction_type: 'varchar',
            occurred_at: 'timestamp',
            weight: 'double'
        }
    )",
} -%}

with

feedback as (

    select
        cast(null as timestamp) as received_at,
        cast(null as string) as event_id,
        cast(null as string) as user_id,
        cast(null as string) as song_id,
        cast(null as string) as interaction_type,
        cast(null as timestamp) as occurred_at,
        cast(null as double) as weight
    {% if execute and source_is_landing() -%}
    {% for ending, relation in files.items() if landing_files('feedback', ending) -%}
    union all
    select
        received_at,
        event_id,
        user_id,
        song_id,
        interaction_type,
        occurred_at,
        weight
    from {{ relation }}
    {% endfor %}
    {%- endif %}

)

-- a retry may have been received twice
select *
from feedback
where
    received_at is not null
    and event_id is not null
    and user_id is not null
    and song_id is not null
    and interaction_type is not null
    and occurred_at is not null
    and weight is not null
qualify row_number() over (partition by event_id order by received_at) = 1
