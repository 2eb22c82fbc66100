with

typed as (

    select
        raw.*,
        clean_id(raw.song_id) as clean_song_id,
        clean_id(raw.creator_id) as clean_creator_id,
        as_time(raw.created_at) as created_time,
        as_time(raw.exported_at) as exported_time,
        try_cast(raw.duration_seconds as double) as duration,
        as_count(raw.play_count) as plays,
        as_count(raw.upvote_count) as upvotes,
        as_count(raw.comment_count) as comments
    from raw

),

judged as (

    select
        *,
        coalesce(
            problem,
            required_id_problem('song_id', clean_song_id),
            id_problem('creator_id', clean_creator_id),
            size_problem('title', title),
            size_problem('creator_name', creator_name),
            size_problem('tags', tags),
            size_problem('display_tags', display_tags),
            size_problem('prompt', prompt),
            size_problem('model_version', model_version),
            size_problem('audio_url', audio_url),
            size_problem('image_url', image_url),
            time_problem('created_at', created_at, created_time),
            time_problem('exported_at', exported_at, exported_time),
            case
                when is_blank(duration_seconds) then null
                when duration between 0 and 86400 then null
                else 'duration_seconds is not a number from 0 to 86400 (24 hours)'
            end,
            flag_problem('is_remix', is_remix),
            flag_problem('is_hidden', is_hidden),
            flag_problem('hidden', hidden),
            flag_problem('is_trashed', is_trashed),
            flag_problem('is_public', is_public),
            count_problem('play_count', play_count, plays),
            count_problem('upvote_count', upvote_count, upvotes),
            count_problem('comment_count', comment_count, comments)
        ) as reason
    from typed

)

select
    position,
    reason,
    -- kept for good rows too: another song with the same id may come later
    shown(content, {
        'song_id': left(song_id, 500),
        'title': left(title, 500),
        'creator_id': left(creator_id, 500),
        'created_at': left(created_at, 500),
        'duration_seconds': left(duration_seconds, 500),
        'play_count': left(play_count, 500),
        'upvote_count': left(upvote_count, 500),
        'comment_count': left(comment_count, 500),
        'is_remix': left(is_remix, 500),
        'is_public': left(is_public, 500),
        'exported_at': left(exported_at, 500),
        'tags': left(tags, 500),
        'prompt': left(prompt, 500)
    }) as content,
    clean_song_id as song_id,
    title,
    clean_creator_id as creator_id,
    creator_name,
    created_time as created_at,
    -- a song of no length is one whose length is not known
    nullif(duration, 0) as duration_seconds,
    tags,
    display_tags,
    prompt,
    model_version,
    audio_url,
    image_url,
    coalesce(as_flag(is_remix), false) as is_remix,
    coalesce(as_flag(is_hidden), false)
    or coalesce(as_flag(hidden), false)
    or coalesce(as_flag(is_trashed), false)
    or not coalesce(as_flag(is_public), true) as is_hidden,
    plays as play_count,
    upvotes as upvote_count,
    comments as comment_count,
    exported_time as exported_at
from judged
