with

quality_scores as (

    select * from {{ landing_rows('quality', {
        'song_id': 'string',
        'signal': 'string',
        'score': 'double',
        'exported_at': 'timestamp',
    }, source_is_landing()) }}

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
