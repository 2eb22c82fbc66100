with

listener_recommendations as (

    select
        user_index,
        song_index,
        relaxed_rule
    from {{ ref('listener_recommendations') }}

),

recently_served as (

    select * from {{ ref('recently_served') }}

),

excluded_songs as (

    select * from {{ ref('excluded_songs') }}

),

catalogue as (

    select song_index
    from {{ ref('catalogue') }}
    where not is_hidden

),

song_versions as (

    select
        song_index,
        version_index
    from {{ ref('song_versions') }}

),

repeats as (

    select listener_recommendations.*
    from listener_recommendations
    semi join recently_served using (user_index, song_index)

),

-- only these listeners are compared with the whole catalogue
listeners_with_popular_repeats as (

    select distinct user_index
    from repeats
    where relaxed_rule = 'popularity'

),

listed_versions as (

    select
        listener_recommendations.user_index,
        song_versions.version_index
    from listener_recommendations
    inner join song_versions using (song_index)

),

fresh_songs as (

    select
        listeners_with_popular_repeats.user_index,
        catalogue.song_index
    from listeners_with_popular_repeats
    cross join catalogue
    anti join excluded_songs using (user_index, song_index)
    anti join recently_served using (user_index, song_index)

),

fresh_versions as (

    select
        fresh_songs.user_index,
        fresh_songs.song_index,
        song_versions.version_index
    from fresh_songs
    inner join song_versions using (song_index)

)

select
    user_index,
    song_index,
    'a repeat among the songs that keep all rules' as problem
from repeats
where relaxed_rule is null
union all
select
    fresh_versions.user_index,
    fresh_versions.song_index,
    'left out although a popular song is repeated' as problem
from fresh_versions
anti join listed_versions using (user_index, version_index)
