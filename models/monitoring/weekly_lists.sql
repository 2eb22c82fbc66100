with

discover_weekly as (

    select
        week_start,
        user_id,
        song_id
    from {{ ref('discover_weekly') }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

),

catalogue as (

    select
        song_id,
        is_hidden,
        -- a song without a date has always been there
        coalesce(created_at, timestamp '1970-01-01') as created_at
    from {{ ref('catalogue') }}

),

weeks as (

    select week_start from build_clock
    union
    select discover_weekly.week_start
    from discover_weekly
    inner join build_clock
        on
            discover_weekly.week_start
            > build_clock.week_start - {{ 7 * var('monitored_weeks') }}

),

shown_songs as (

    select
        weeks.week_start,
        count(*) as songs
    from weeks
    inner join catalogue
        on weeks.week_start > catalogue.created_at
    where not catalogue.is_hidden
    group by weeks.week_start

),

places as (

    select
        discover_weekly.week_start,
        discover_weekly.user_id,
        discover_weekly.song_id,
        coalesce(
            not catalogue.is_hidden
            and catalogue.created_at < discover_weekly.week_start,
            false
        ) as is_among_shown,
        -- what is gone since, or undated, has no age
        {{ days_between(
            "nullif(catalogue.created_at, timestamp '1970-01-01')",
            'discover_weekly.week_start'
        ) }} as song_age_days
    from discover_weekly
    left join catalogue using (song_id)

)

select
    weeks.week_start,
    count(distinct places.user_id) as listeners_served,
    count(places.user_id) as places,
    count(distinct places.song_id) as songs_served,
    coalesce(any_value(shown_songs.songs), 0)
    + count(distinct places.song_id) filter (where not places.is_among_shown)
        as recommendable_songs,
    songs_served / nullif(recommendable_songs, 0) as share_of_songs_served,
    cast(median(places.song_age_days) as double) as median_song_age_days,
    avg(cast(places.song_age_days < {{ var('new_song_days') }} as integer))
        as share_of_new_songs
from weeks
left join places using (week_start)
left join shown_songs using (week_start)
group by weeks.week_start
