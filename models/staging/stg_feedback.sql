{%- set columns = {
    'received_at': 'timestamp',
    'event_id': 'string',
    'user_id': 'string',
    'song_id': 'string',
    'interaction_type': 'string',
    'occurred_at': 'timestamp',
    'weight': 'double',
} -%}

with

-- a damaged line is a row in which something is null
feedback as (

    select * from {{ landing_rows('feedback', columns, source_is_landing()) }}
    union all
    select * from {{ landing_lines('feedback', columns, source_is_landing()) }}

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
