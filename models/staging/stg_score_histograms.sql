with

score_histograms as (

    {% if execute and source_is_landing() and landing_files('monitoring') > 0 -%}
    select
        week_start,
        channel,
        score_bin,
        candidates
    from read_parquet('landing/monitoring/*.parquet')
    {%- else -%}
    select
        cast(null as date) as week_start,
        cast(null as string) as channel,
        cast(null as integer) as score_bin,
        cast(null as bigint) as candidates
    where false
    {%- endif %}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

)

-- this week's are being counted; what a later build counted is the future
select score_histograms.*
from score_histograms
inner join build_clock
    on score_histograms.week_start < build_clock.week_start
