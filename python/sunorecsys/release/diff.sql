-- Compares the lists of two releases, attached as old_release and new_release.
--
-- A list is what a playlist holds: the ranks up to playlist_length. Only listeners of
-- both releases are compared. Leaves three tables:
--
--   listener_lists    every listener, and whether they are compared, new or gone
--   changes           listener and song that entered, left or moved, and the cause
--   listener_changes  listener with a changed list, and how much changed

create table listener_lists as
select
    coalesce(new_listeners.user_id, old_listeners.user_id) as user_id,
    case
        when old_listeners.user_id is null then 'new'
        when new_listeners.user_id is null then 'gone'
        else 'compared'
    end as presence
from old_release.listeners as old_listeners
full join new_release.listeners as new_listeners
    on old_listeners.user_id = new_listeners.user_id;

create table changes as
with

old_lists as (

    select recommendations.*
    from old_release.recommendations
    cross join old_release.build_settings
    where
        recommendations.recommendation_rank <= build_settings.playlist_length
        and recommendations.user_id in (
            select user_id from listener_lists where presence = 'compared'
        )

),

new_lists as (

    select recommendations.*
    from new_release.recommendations
    cross join new_release.build_settings
    where
        recommendations.recommendation_rank <= build_settings.playlist_length
        and recommendations.user_id in (
            select user_id from listener_lists where presence = 'compared'
        )

),

changed_ranks as (

    select
        coalesce(new_lists.user_id, old_lists.user_id) as user_id,
        coalesce(new_lists.song_id, old_lists.song_id) as song_id,
        old_lists.recommendation_rank as old_rank,
        new_lists.recommendation_rank as new_rank,
        case
            when old_lists.song_id is null then 'entered'
            when new_lists.song_id is null then 'left'
            else 'moved'
        end as change
    from old_lists
    full join new_lists
        on
            old_lists.user_id = new_lists.user_id
            and old_lists.song_id = new_lists.song_id
    where
        old_lists.recommendation_rank
        is distinct from new_lists.recommendation_rank

),

-- A song that a release does not store for a listener has a score of 0 there. Stored
-- scores have nine digits; what is less than that is the subtraction's own.
score_changes as (

    select
        changed_ranks.*,
        round(
            coalesce(new_stored.item_cf_score, 0)
            - coalesce(old_stored.item_cf_score, 0),
            9
        ) as item_cf,
        round(
            coalesce(new_stored.content_score, 0)
            - coalesce(old_stored.content_score, 0),
            9
        ) as content,
        round(
            coalesce(new_stored.prompt_score, 0)
            - coalesce(old_stored.prompt_score, 0),
            9
        ) as prompt,
        round(
            coalesce(new_stored.user_cf_score, 0)
            - coalesce(old_stored.user_cf_score, 0),
            9
        ) as user_cf,
        round(
            coalesce(new_stored.quality_score, 0)
            - coalesce(old_stored.quality_score, 0),
            9
        ) as quality
    from changed_ranks
    left join old_release.recommendations as old_stored
        on
            changed_ranks.user_id = old_stored.user_id
            and changed_ranks.song_id = old_stored.song_id
    left join new_release.recommendations as new_stored
        on
            changed_ranks.user_id = new_stored.user_id
            and changed_ranks.song_id = new_stored.song_id

),

-- what the listener did with a song since
newly_known as (

    select
        new_songs.user_id,
        new_songs.song_id,
        new_songs.is_disliked
    from new_release.user_songs as new_songs
    anti join old_release.user_songs as old_songs
        on
            new_songs.user_id = old_songs.user_id
            and new_songs.song_id = old_songs.song_id

),

-- the lists of earlier weeks; the week that a release is for is not one of its own
old_served as (

    select
        discover_weekly.week_start,
        discover_weekly.user_id,
        discover_weekly.song_id
    from old_release.discover_weekly
    cross join old_release.build_info
    where discover_weekly.week_start < build_info.week_start

),

new_served as (

    select
        discover_weekly.week_start,
        discover_weekly.user_id,
        discover_weekly.song_id
    from new_release.discover_weekly
    cross join new_release.build_info
    where discover_weekly.week_start < build_info.week_start

),

newly_served as (

    select distinct
        new_served.user_id,
        new_served.song_id
    from new_served
    anti join old_served
        on
            new_served.week_start = old_served.week_start
            and new_served.user_id = old_served.user_id
            and new_served.song_id = old_served.song_id

),

offered_songs as (

    select song_id
    from new_release.songs
    where not is_hidden

),

-- equal changes are the first channel's
channel_causes as (

    select
        score_changes.*,
        greatest(item_cf, content, prompt, user_cf, quality) as highest,
        least(item_cf, content, prompt, user_cf, quality) as lowest,
        case
            when highest <= 0 then 'other songs left'
            when item_cf = highest then 'item_cf'
            when content = highest then 'content'
            when prompt = highest then 'prompt'
            when user_cf = highest then 'user_cf'
            else 'quality'
        end as rose_by,
        case
            when lowest >= 0 then 'others rose'
            when item_cf = lowest then 'item_cf'
            when content = lowest then 'content'
            when prompt = lowest then 'prompt'
            when user_cf = lowest then 'user_cf'
            else 'quality'
        end as fell_by
    from score_changes

)

select
    channel_causes.user_id,
    channel_causes.song_id,
    coalesce(new_songs.title, old_songs.title) as title,
    channel_causes.change,
    channel_causes.old_rank,
    channel_causes.new_rank,
    case
        when channel_causes.change = 'entered' then channel_causes.rose_by
        when channel_causes.change = 'moved' then null
        when newly_known.is_disliked then 'disliked'
        when newly_known.song_id is not null then 'heard'
        when offered_songs.song_id is null then 'gone'
        when newly_served.song_id is not null then 'served'
        else channel_causes.fell_by
    end as cause,
    channel_causes.item_cf as item_cf_change,
    channel_causes.content as content_change,
    channel_causes.prompt as prompt_change,
    channel_causes.user_cf as user_cf_change,
    channel_causes.quality as quality_change
from channel_causes
left join newly_known
    on
        channel_causes.user_id = newly_known.user_id
        and channel_causes.song_id = newly_known.song_id
left join newly_served
    on
        channel_causes.user_id = newly_served.user_id
        and channel_causes.song_id = newly_served.song_id
left join offered_songs
    on channel_causes.song_id = offered_songs.song_id
left join old_release.songs as old_songs
    on channel_causes.song_id = old_songs.song_id
left join new_release.songs as new_songs
    on channel_causes.song_id = new_songs.song_id;

create table listener_changes as
select
    user_id,
    count(*) filter (where change = 'entered') as entered,
    count(*) filter (where change = 'left') as left_the_list,
    count(*) filter (where change = 'moved') as moved,
    coalesce(sum(abs(new_rank - old_rank)), 0) as ranks_moved
from changes
group by user_id;
