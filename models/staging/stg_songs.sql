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
        list_filter(
            list_transform(
                regexp_split_to_array(lower(tags), '[,;\n\r]+'),
                lambda tag: trim(regexp_replace(tag, '\s+', ' ', 'g'))
            ),
            lambda tag: tag != ''
        ) as all_tags
    from one_export

)

select
    * exclude (tags, all_tags, exported_at),
    list_filter(  -- noqa: PRS
        all_tags,
        lambda tag, position: list_position(all_tags, tag) = position
    ) as tags
from split_tags
