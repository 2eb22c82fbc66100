with

song_exports as (

    select * from {{ ref('stg_song_exports') }}

),

blocked_songs as (

    select song_id from {{ ref('stg_blocked_songs') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

-- the newest export that as_of could know, else the oldest, so that a backtest does
-- not see counts of its future
one_export as (

    select song_exports.*
    from song_exports
    cross join build_clock
    anti join blocked_songs using (song_id)
    qualify
        row_number() over (
            partition by song_exports.song_id
            order by
                song_exports.exported_at <= build_clock.as_of desc,
                case
                    when song_exports.exported_at <= build_clock.as_of
                        then song_exports.exported_at
                end desc,
                song_exports.exported_at,
                song_exports.title,
                song_exports.prompt,
                song_exports.play_count desc
        ) = 1

),

split_tags as (

    select
        *,
        {{ list_where(
            list_map(
                "regexp_extract_all(lower(tags), '[^,;\\n\\r]+', 0)",
                'tag',
                "trim(" ~ replace_all('tag', '\\s+', ' ') ~ ")"
            ),
            'tag',
            "tag != ''"
        ) }} as all_tags
    from one_export

)

select
    song_id,
    title,
    creator_id,
    creator_name,
    created_at,
    duration_seconds,
    prompt,
    model_version,
    audio_url,
    image_url,
    is_remix,
    is_hidden,
    play_count,
    upvote_count,
    comment_count,
    {{ list_distinct('all_tags') }} as tags  -- noqa: PRS
from split_tags
