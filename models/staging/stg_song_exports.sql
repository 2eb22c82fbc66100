with

songs as (

    select * from {{ landing_or_sample('songs') }}

)

select
    song_id,
    case
        when regexp_extract(title, '\S', 0) != '' then trim(title)
        else 'Untitled'
    end as title,
    creator_id,
    creator_name,
    created_at,
    duration_seconds,
    concat_ws(',', tags, display_tags) as tags,
    coalesce(prompt, '') as prompt,
    model_version,
    audio_url,
    image_url,
    coalesce(is_remix, false) as is_remix,
    coalesce(is_hidden, false) as is_hidden,
    play_count,
    upvote_count,
    comment_count,
    exported_at
from songs
