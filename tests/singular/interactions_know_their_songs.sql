-- the message counts events, the rows name their songs
{{ config(severity = 'warn', fail_calc = 'coalesce(sum(interactions), 0)') }}

with

stg_interactions as (

    select song_id from {{ ref('stg_interactions') }}

),

stg_songs as (

    select song_id from {{ ref('stg_songs') }}

)

select
    song_id,
    count(*) as interactions
from stg_interactions
anti join stg_songs using (song_id)
group by song_id
