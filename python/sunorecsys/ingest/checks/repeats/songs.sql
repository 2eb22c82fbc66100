create or replace temp table later_copies as
select
    position,
    content_hash <> first_value(content_hash) over (
        partition by song_id order by position
    ) as is_other
from (
    select
        position,
        song_id,
        hash(
            title, creator_id, creator_name, created_at, duration_seconds, tags,
            display_tags, prompt, model_version, audio_url, image_url, is_remix,
            is_hidden, play_count, upvote_count, comment_count, exported_at
        ) as content_hash
    from checked
    where reason is null
)
qualify row_number() over (partition by song_id order by position) > 1;

update checked
set reason = 'song_id is repeated with other content; the first is kept'
from later_copies
where later_copies.position = checked.position and later_copies.is_other;

create or replace temp table landed as
select checked.* replace (
    coalesce(checked.exported_at, getvariable('exported_at')) as exported_at
)
from checked
where
    checked.reason is null
    and checked.position not in (select later_copies.position from later_copies);

create or replace temp table counts as
select
    (select count(*) from landed) as accepted,
    (select count(*) from later_copies where not is_other) as repeated,
    0 as without_time;
