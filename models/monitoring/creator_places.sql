with

discover_weekly as (

    select
        week_start,
        song_id
    from {{ ref('discover_weekly') }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

),

catalogue as (

    select
        song_id,
        creator_index,
        is_hidden,
        coalesce(created_at, timestamp '1970-01-01') as created_at
    from {{ ref('catalogue') }}

),

-- the creator of a song that is gone since is not known
served as (

    select
        discover_weekly.week_start,
        catalogue.creator_index,
        count(*) as places,
        count(distinct discover_weekly.song_id) as songs_served
    from discover_weekly
    inner join catalogue using (song_id)
    inner join build_clock
        on
            discover_weekly.week_start
            > build_clock.week_start - {{ 7 * var('monitored_weeks') }}
    group by discover_weekly.week_start, catalogue.creator_index

),

weeks as (

    select distinct week_start from served

),

creators as (

    select
        creator_index,
        min(created_at) as first_song_at
    from catalogue
    where not is_hidden
    group by creator_index

),

-- who could have been served counts, with no place at all
eligible as (

    select
        weeks.week_start,
        creators.creator_index
    from weeks
    inner join creators
        on weeks.week_start > creators.first_song_at

)

select
    week_start,
    creator_index,
    coalesce(served.places, 0) as places,
    coalesce(served.songs_served, 0) as songs_served
from eligible
full outer join served using (week_start, creator_index)
