{{ config(severity='warn') }}

with

item_cf_cost as (

    select
        max_songs_per_listener,
        memory_gb
    from {{ ref('item_cf_cost') }}

)

select
    max_songs_per_listener,
    memory_gb
from item_cf_cost
where
    max_songs_per_listener = {{ var('max_songs_per_listener') }}
    and memory_gb > 0.5 * {{ positive_or_null('item_cf_memory_gb') }}
