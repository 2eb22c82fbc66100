with

-- lists that were served before a column was logged lack it
served_lists as (

    select
        cast(null as date) as week_start,
        cast(null as string) as user_id,
        cast(null as integer) as playlist_rank,
        cast(null as string) as song_id,
        cast(null as double) as blended_score,
        cast(null as string) as primary_channel,
        cast(null as string) as reason,
        cast(null as timestamp) as as_of,
        cast(null as string) as variant,
        cast(null as string) as experiment
    where false
    {% if execute and source_is_landing() and landing_files('served') > 0 -%}
    union all by name
    select *
    from read_parquet('landing/served/*.parquet', union_by_name = true)
    {%- endif %}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

)

-- the list of this week is being made; what a later build served is the future
select
    served_lists.week_start,
    served_lists.user_id,
    served_lists.playlist_rank,
    served_lists.song_id,
    served_lists.blended_score,
    served_lists.primary_channel,
    served_lists.reason,
    served_lists.as_of,
    served_lists.variant,
    served_lists.experiment
from served_lists
inner join build_clock
    on served_lists.week_start < build_clock.week_start
