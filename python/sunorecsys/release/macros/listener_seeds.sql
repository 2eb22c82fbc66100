-- listener_seeds(user_id, played, left_out): the songs of a listener that count when a
-- list is made after what has happened since the release: one row per song, with its
-- place among the seed songs (null beyond the last_n newest) and its weight for ALS, as
-- in the interaction matrix of the build.
--
-- played: list of {song_id, weight}, the newest first, on top of the listener's own
-- history, which is empty for an unknown listener. left_out: list of song ids that do
-- not count. Unknown songs are left out.
create or replace macro listener_seeds(user_id, played, left_out) as table
with
fresh as (
    select
        songs.song_index,
        min(plays.place) as place,
        max(plays.play.weight) as weight
    from unnest(played) with ordinality as plays(play, place)
    inner join songs on plays.play.song_id = songs.song_id
    group by songs.song_index
),
dropped as (
    select songs.song_index
    from unnest(cast(left_out as varchar[])) as asked(song_id)
    inner join songs on asked.song_id = songs.song_id
),
heard as (
    select
        user_songs.song_index,
        user_songs.weight
    from listeners
    inner join user_songs on listeners.user_index = user_songs.user_index
    where
        listeners.user_id = user_id
        and user_songs.weight > 0
        and not user_songs.is_disliked
),
history as (
    select
        listening_history.song_index,
        listening_history.history_rank
    from listeners
    inner join listening_history on listeners.user_index = listening_history.user_index
    where listeners.user_id = user_id
),
all_songs as (
    select
        coalesce(fresh.song_index, heard.song_index) as song_index,
        coalesce(fresh.weight, 0) + coalesce(heard.weight, 0) as weight,
        fresh.place,
        history.history_rank
    from fresh
    full join heard on fresh.song_index = heard.song_index
    left join history on heard.song_index = history.song_index
)
select
    all_songs.song_index,
    case
        when build_settings.relative_weights is null then all_songs.weight
        else greatest(
            round(
                pow(
                    -- a build has no weight below 0.01
                    greatest(all_songs.weight, 0.01)
                    / avg(cast(greatest(all_songs.weight, 0.01) as decimal(18, 2)))
                        over (),
                    build_settings.relative_weights
                ),
                4
            ),
            0.0001
        )
    end as weight,
    case
        when all_songs.place is not null or all_songs.history_rank is not null
            then row_number() over (
                order by
                    all_songs.place is null and all_songs.history_rank is null,
                    all_songs.place is null,
                    all_songs.place,
                    all_songs.history_rank
            )
    end as seed_rank
from all_songs
cross join build_settings
anti join dropped on all_songs.song_index = dropped.song_index;
