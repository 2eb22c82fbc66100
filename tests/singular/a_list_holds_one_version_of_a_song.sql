with

listener_recommendations as (

    select
        user_index,
        song_index
    from {{ ref('listener_recommendations') }}

),

song_versions as (

    select
        song_index,
        version_index
    from {{ ref('song_versions') }}

)

select
    listener_recommendations.user_index,
    song_versions.version_index,
    count(*) as versions
from listener_recommendations
inner join song_versions using (song_index)
group by listener_recommendations.user_index, song_versions.version_index
having count(*) > 1
