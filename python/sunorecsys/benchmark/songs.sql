-- the songs of landing: what only test knows is hidden, so that nobody is recommended it
-- and its rows count as missed; nothing but its id is told
with
past_songs as (
    select
        item_id,
        count(*) as play_count
    from past
    group by item_id
),
all_songs as (
    select item_id from train
    union
    select item_id from known
    union
    select item_id from future
),
described as (
    select
        item_id,
        any_value(title order by title) as title,
        any_value(artist order by artist) as artist,
        any_value(tags order by tags) as tags,
        any_value(description order by description) as description
    from items
    group by item_id
)
select
    all_songs.item_id as song_id,
    described.title as title,
    cast(null as varchar) as creator_id,
    described.artist as creator_name,
    cast(null as timestamp) as created_at,
    cast(null as double) as duration_seconds,
    described.tags as tags,
    cast(null as varchar) as display_tags,
    described.description as prompt,
    cast(null as varchar) as model_version,
    cast(null as varchar) as audio_url,
    cast(null as varchar) as image_url,
    false as is_remix,
    past_songs.item_id is null as is_hidden,
    coalesce(past_songs.play_count, 0) as play_count,
    cast(null as bigint) as upvote_count,
    cast(null as bigint) as comment_count,
    cast(null as timestamp) as exported_at
from all_songs
left join past_songs using (item_id)
left join described
    on past_songs.item_id = described.item_id
order by song_id
