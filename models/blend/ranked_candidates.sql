with

blended_candidates as (

    select * from {{ ref('blended_candidates') }}

),

catalogue as (

    select
        song_index,
        song_id,
        creator_index
    from {{ ref('catalogue') }}

),

song_genres as (

    select * from {{ ref('song_genres') }}

),

song_versions as (

    select * from {{ ref('song_versions') }}

),

song_quality as (

    select
        song_index,
        is_below_threshold
    from {{ ref('song_quality') }}

),

recently_served as (

    select * from {{ ref('recently_served') }}

),

judged as (

    select
        blended_candidates.*,
        catalogue.creator_index,
        song_genres.genre,
        song_versions.version_index,
        song_quality.is_below_threshold,
        recently_served.song_index is not null as is_repeat
    from blended_candidates
    inner join catalogue using (song_index)
    left join song_genres using (song_id)
    inner join song_versions using (song_index)
    inner join song_quality using (song_index)
    left join recently_served using (user_index, song_index)

),

one_version as (

    select *
    from judged
    qualify
        row_number() over (
            partition by user_index, version_index
            order by is_below_threshold, is_repeat, blended_score desc, song_index
        ) = 1

),

counted as (

    select
        *,
        row_number() over (
            partition by user_index, creator_index
            order by is_below_threshold, is_repeat, blended_score desc, song_index
        ) > {{ var('max_per_creator') }} as is_over_creator_cap
    from one_version

),

-- a song over the creator cap takes no place of its genre
counted_by_genre as (

    select
        *,
        coalesce(
            genre is not null
            and row_number() over (
                partition by user_index, genre, is_over_creator_cap
                order by is_below_threshold, is_repeat, blended_score desc, song_index
            ) > {{ var('max_per_genre') or 'null' }},
            false
        ) as is_over_genre_cap
    from counted

),

-- a list that the rules leave short relaxes them one after the other: songs that
-- break a rule stand behind all that keep it
relaxed as (

    select
        *,
        case
            when is_below_threshold then 'quality'
            when is_over_creator_cap or is_over_genre_cap then 'variety'
            when is_repeat then 'repeat'
        end as relaxed_rule
    from counted_by_genre

)

select
    user_index,
    song_index,
    cast(
        row_number() over (
            partition by user_index
            order by
                case relaxed_rule
                    when 'repeat' then 1
                    when 'variety' then 2
                    when 'quality' then 3
                    else 0
                end,
                blended_score desc,
                song_index
        ) as integer
    ) as recommendation_rank,
    version_index,
    item_cf_score,
    content_score,
    prompt_score,
    user_cf_score,
    quality_score,
    blended_score,
    relaxed_rule
from relaxed
qualify recommendation_rank <= {{ var('recommendations_per_listener') }}
