with

catalogue as (

    select
        song_index,
        song_id,
        title,
        tags,
        duration_seconds
    from {{ ref('catalogue') }}

),

song_genres as (

    select * from {{ ref('song_genres') }}

),

genres as (

    select distinct genre from {{ ref('genres') }}

),

genre_indexes as (

    select
        genre,
        cast(row_number() over (order by genre) - 1 as integer) as genre_index
    from genres

),

song_quality as (

    select
        song_index,
        quality_score
    from {{ ref('song_quality') }}

)

select
    catalogue.song_index,
    left({{ list_text('catalogue.tags', ', ') }}, 4000) as text,
    genre_indexes.genre_index,
    -- null when every song has the same: then it tells songs apart from nothing
    case
        when min(catalogue.duration_seconds) over ()
            < max(catalogue.duration_seconds) over ()
            and catalogue.duration_seconds is not null
            then {{ mid_rank_percentile('catalogue.duration_seconds') }}
    end as duration_percentile,
    case
        when min(song_quality.quality_score) over ()
            < max(song_quality.quality_score) over ()
            then song_quality.quality_score
    end as quality_percentile
from catalogue
inner join song_quality using (song_index)
left join song_genres using (song_id)
left join genre_indexes using (genre)
