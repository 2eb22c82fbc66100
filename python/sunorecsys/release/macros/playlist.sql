-- playlist(user_id, week := null): the Discover Weekly list of a listener, in order.
-- week is a date, or its text; any day counts for the week that begins with its Monday.
-- null: the newest list of the listener. Songs that have left the catalogue are left
-- out. No rows: unknown listener, or no list in that week.
create or replace macro playlist(user_id, week := null) as table
with
lists as (
    select
        discover_weekly.week_start,
        discover_weekly.playlist_rank,
        discover_weekly.song_id,
        discover_weekly.blended_score,
        discover_weekly.reason
    from listeners
    inner join discover_weekly on listeners.user_index = discover_weekly.user_index
    where listeners.user_id = user_id
    union all
    -- a listener of earlier weeks who is unknown by now has no number
    select
        discover_weekly.week_start,
        discover_weekly.playlist_rank,
        discover_weekly.song_id,
        discover_weekly.blended_score,
        discover_weekly.reason
    from discover_weekly
    where
        discover_weekly.user_index is null
        and discover_weekly.user_id = user_id
)
select
    lists.week_start,
    lists.playlist_rank,
    lists.song_id,
    songs.title,
    songs.creator_name,
    songs.genre,
    lists.blended_score,
    lists.reason
from lists
inner join songs on lists.song_id = songs.song_id
where
    lists.week_start = coalesce(
        cast(date_trunc('week', cast(week as date)) as date),
        (select max(lists.week_start) from lists)
    )
order by lists.playlist_rank;
