{%- set longest = var('evaluation_depths') | max -%}

with

evaluated_listeners as (

    select
        listener_index,
        user_index
    from {{ ref('evaluated_listeners') }}

),

song_popularity as (

    select
        song_index,
        popularity_rank
    from {{ ref('song_popularity') }}

),

catalogue as (

    select song_index
    from {{ ref('catalogue') }}
    where not is_hidden

),

excluded_songs as (

    select * from {{ ref('excluded_songs') }}

),

places as (

    select
        song_popularity.song_index,
        row_number() over (order by song_popularity.popularity_rank) as place
    from song_popularity
    inner join catalogue using (song_index)

),

left_out as (

    select
        evaluated_listeners.listener_index,
        excluded_songs.song_index
    from evaluated_listeners
    inner join excluded_songs using (user_index)

),

-- each song that is out takes one place at most
depths as (

    select
        evaluated_listeners.listener_index,
        {{ longest }} + count(left_out.song_index) as depth
    from evaluated_listeners
    left join left_out using (listener_index)
    group by evaluated_listeners.listener_index

)

select
    depths.listener_index,
    places.song_index,
    cast(
        row_number() over (
            partition by depths.listener_index
            order by places.place
        ) as integer
    ) as list_rank
from depths
inner join places
    on places.place <= depths.depth
anti join left_out
    on
        depths.listener_index = left_out.listener_index
        and places.song_index = left_out.song_index
qualify list_rank <= {{ longest }}
