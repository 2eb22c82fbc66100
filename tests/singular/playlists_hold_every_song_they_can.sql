with

recommendations as (

    select
        user_id,
        recommendation_rank
    from {{ ref('recommendations') }}

),

matrix_users as (

    select
        user_id,
        user_index
    from {{ ref('matrix_users') }}
    where user_id is not null

),

catalogue as (

    select song_index
    from {{ ref('catalogue') }}
    where not is_hidden

),

song_versions as (

    select * from {{ ref('song_versions') }}

),

excluded_songs as (

    select * from {{ ref('excluded_songs') }}

),

playlist_lengths as (

    select
        matrix_users.user_id,
        matrix_users.user_index,
        count(recommendations.recommendation_rank) as songs
    from matrix_users
    left join recommendations
        on
            matrix_users.user_id = recommendations.user_id
            and recommendations.recommendation_rank <= {{ var('playlist_length') }}
    group by matrix_users.user_id, matrix_users.user_index

),

-- all others are full, so that only these are compared with the whole catalogue
short_playlists as (

    select
        user_index,
        songs
    from playlist_lengths
    where songs < {{ var('playlist_length') }}

),

eligible_songs as (

    select
        short_playlists.user_index,
        catalogue.song_index
    from short_playlists
    cross join catalogue
    anti join excluded_songs using (user_index, song_index)

),

eligible_counts as (

    select
        eligible_songs.user_index,
        count(distinct song_versions.version_index) as eligible
    from eligible_songs
    inner join song_versions using (song_index)
    group by eligible_songs.user_index

),

expected_lengths as (

    select
        playlist_lengths.user_id,
        playlist_lengths.songs,
        case
            when short_playlists.user_index is null then {{ var('playlist_length') }}
            else
                least(
                    {{ var('playlist_length') }},
                    coalesce(eligible_counts.eligible, 0)
                )
        end as expected_songs
    from playlist_lengths
    left join short_playlists using (user_index)
    left join eligible_counts using (user_index)

)

select *
from expected_lengths
where songs != expected_songs
