with

quality_scores as (

    {% if execute and source_is_landing() and landing_files('quality') > 0 -%}
    select
        song_id,
        signal,
        score,
        exported_at
    from read_parquet('landing/quality/*.parquet')
    {%- else -%}
    select
        cast(null as string) as song_id,
        cast(null as string) as signal,
        cast(null as double) as score,
        cast(null as timestamp) as exported_at
    where false
    {%- endif %}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

)

-- as for songs: the newest score that as_of could know, else the oldest
select
    quality_scores.song_id,
    quality_scores.signal,
    quality_scores.score
from quality_scores
cross join build_clock
qualify
    row_number() over (
        partition by quality_scores.song_id, quality_scores.signal
        order by
            quality_scores.exported_at <= build_clock.as_of desc,
            case
                when quality_scores.exported_at <= build_clock.as_of
                    then quality_scores.exported_at
            end desc,
            quality_scores.exported_at,
            quality_scores.score
    ) = 1
