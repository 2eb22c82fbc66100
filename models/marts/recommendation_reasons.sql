with

top_contributions as (

    select * from {{ ref('top_contributions') }}

),

listener_recommendations as (

    select * from {{ ref('listener_recommendations') }}
    where is_in_playlist

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

),

reasons as (

    select
        user_index,
        song_index,
        channel,
        seed_index,
        contribution
    from top_contributions
    union all
    select
        user_index,
        song_index,
        case
            when primary_channel = 'popularity' then 'popularity'
            else 'quality'
        end as channel,
        cast(null as integer) as seed_index,
        quality_score as contribution
    from listener_recommendations

)

select
    matrix_users.user_id,
    matrix_users.user_index,
    catalogue.song_id,
    reasons.channel,
    seed.song_id as seed_song_id,
    reasons.contribution
from reasons
inner join matrix_users using (user_index)
inner join catalogue using (song_index)
left join catalogue as seed
    on reasons.seed_index = seed.song_index
