with

quality_scores as (

    select * from {{ ref('stg_quality_scores') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

),

ranked as (

    select
        catalogue.song_index,
        quality_scores.signal,
        rank() over (
            partition by quality_scores.signal
            order by quality_scores.score
        ) as score_rank,
        count(*) over (
            partition by quality_scores.signal, quality_scores.score
        ) as same_scores,
        count(*) over (partition by quality_scores.signal) as songs
    from quality_scores
    inner join catalogue using (song_id)

)

select
    song_index,
    signal,
    (score_rank - 1 + same_scores / 2) / songs as score_percentile
from ranked
