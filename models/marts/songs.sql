with

catalogue as (

    select * from {{ ref('catalogue') }}

),

song_genres as (

    select * from {{ ref('song_genres') }}

),

prompt_statistics as (

    select * from {{ ref('prompt_statistics') }}

),

song_quality as (

    select
        song_index,
        quality_score
    from {{ ref('song_quality') }}

),

song_versions as (

    select * from {{ ref('song_versions') }}

),

prompt_audio_agreement as (

    select * from {{ ref('prompt_audio_agreement') }}

)

select
    catalogue.song_id,
    catalogue.song_index,
    catalogue.title,
    catalogue.creator_id,
    catalogue.creator_name,
    catalogue.created_at,
    catalogue.duration_seconds,
    song_genres.genre,
    catalogue.tags,
    catalogue.prompt,
    prompt_statistics.prompt_length,
    prompt_statistics.word_count,
    prompt_statistics.verse_count,
    prompt_statistics.chorus_count,
    prompt_statistics.bridge_count,
    catalogue.model_version,
    catalogue.audio_url,
    catalogue.image_url,
    catalogue.is_remix,
    catalogue.is_hidden,
    catalogue.play_count,
    catalogue.upvote_count,
    catalogue.comment_count,
    (catalogue.upvote_count + catalogue.comment_count)
    / nullif(catalogue.play_count, 0) as engagement_rate,
    round(
        ln(
            1
            + coalesce(catalogue.play_count, 0)
            + coalesce(catalogue.upvote_count, 0)
            + coalesce(catalogue.comment_count, 0)
        ),
        6
    ) as popularity_score,
    song_quality.quality_score,
    prompt_audio_agreement.prompt_audio_agreement,
    first_version.song_id as version_id
from catalogue
inner join prompt_statistics
    on catalogue.song_id = prompt_statistics.song_id
inner join song_quality
    on catalogue.song_index = song_quality.song_index
inner join song_versions
    on catalogue.song_index = song_versions.song_index
-- the version is named after its first song
inner join catalogue as first_version
    on song_versions.version_index = first_version.song_index
left join song_genres
    on catalogue.song_id = song_genres.song_id
left join prompt_audio_agreement
    on catalogue.song_index = prompt_audio_agreement.song_index
