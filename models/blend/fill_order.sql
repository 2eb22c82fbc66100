with

song_popularity as (

    select
        song_index,
        popularity_rank
    from {{ ref('song_popularity') }}

),

catalogue as (

    select
        song_index,
        song_id,
        creator_index
    from {{ ref('catalogue') }}
    where not is_hidden

),

song_genres as (

    select * from {{ ref('song_genres') }}

),

song_quality as (

    select
        song_index,
        is_below_threshold
    from {{ ref('song_quality') }}

),

song_versions as (

    select * from {{ ref('song_versions') }}

),

popular as (

    select
        catalogue.song_index,
        song_versions.version_index,
        song_popularity.popularity_rank,
        song_quality.is_below_threshold,
        row_number() over (
            partition by catalogue.creator_index
            order by song_quality.is_below_threshold, song_popularity.popularity_rank
        ) as creator_position,
        row_number() over (
            partition by song_genres.genre
            order by song_quality.is_below_threshold, song_popularity.popularity_rank
        ) as genre_position
    from catalogue
    inner join song_popularity using (song_index)
    inner join song_quality using (song_index)
    inner join song_versions using (song_index)
    left join song_genres using (song_id)

),

varied as (

    select
        song_index,
        version_index,
        row_number() over (
            order by
                is_below_threshold,
                creator_position > {{ var('max_per_creator') }},
                -- three songs of every genre before a fourth of any
                floor((genre_position - 1) / 3),
                popularity_rank
        ) as fill_rank
    from popular

),

versions as (

    select
        version_index,
        row_number() over (order by min(fill_rank)) as version_rank
    from varied
    group by version_index

)

select
    varied.song_index,
    varied.version_index,
    varied.fill_rank,
    versions.version_rank
from varied
inner join versions using (version_index)
