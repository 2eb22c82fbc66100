with

served_lists as (

    {% if execute and source_is_landing() and landing_files('served') > 0 -%}
    select
        week_start,
        user_id,
        playlist_rank,
        song_id,
        blended_score,
        reason
    from read_parquet('landing/served/*.parquet')
    {%- else -%}
    select
        cast(null as date) as week_start,
        cast(null as varchar) as user_id,
        cast(null as integer) as playlist_rank,
        cast(null as varchar) as song_id,
        cast(null as double) as blended_score,
        cast(null as varchar) as reason
    where false
    {%- endif %}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

)

-- the list of this week is being made; what a later build served is the future
select served_lists.*
from served_lists
inner join build_clock
    on served_lists.week_start < build_clock.week_start
