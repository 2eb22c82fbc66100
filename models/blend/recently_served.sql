with

served_lists as (

    select
        week_start,
        user_id,
        song_id
    from {{ ref('stg_served_lists') }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

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

)

select distinct
    matrix_users.user_index,
    catalogue.song_index
from served_lists
inner join build_clock
    on
        served_lists.week_start
        >= build_clock.week_start - {{ 7 * var('repeat_after_weeks') }}
inner join matrix_users using (user_id)
inner join catalogue using (song_id)
