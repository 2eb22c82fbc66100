with

listens as (

    select
        song_id,
        occurred_at
    from {{ ref('listens') }}

),

catalogue as (

    select
        song_id,
        created_at
    from {{ ref('catalogue') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

)

select
    'listens' as model,
    listens.song_id,
    listens.occurred_at as happened_at
from listens
cross join build_clock
where listens.occurred_at >= build_clock.as_of
union all
select
    'catalogue' as model,
    catalogue.song_id,
    catalogue.created_at as happened_at
from catalogue
cross join build_clock
where catalogue.created_at >= build_clock.as_of
