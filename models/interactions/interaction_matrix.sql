{%- set exponent = share_or_null('relative_weights') -%}

with

listener_songs as (

    select
        user_index,
        song_index,
        -- as in listener_seeds of a release; never 0
        case
            when {{ exponent }} is null then weight
            else
                greatest(
                    round(
                        pow(
                            weight
                            / avg(cast(weight as decimal(18, 2)))
                                over (partition by user_index),
                            {{ exponent }}
                        ),
                        4
                    ),
                    0.0001
                )
        end as weight,
        last_interaction_at
    from {{ ref('listener_songs') }}
    where weight > 0 and not is_disliked

),

playlist_listens as (

    select
        playlist_id,
        song_index
    from {{ ref('playlist_listens') }}

),

matrix_users as (

    select
        user_index,
        playlist_id
    from {{ ref('matrix_users') }}
    where playlist_id is not null

),

playlist_rows as (

    select
        matrix_users.user_index,
        playlist_listens.song_index,
        -- a place in a playlist is worth one play
        1.0 as weight,
        cast(null as timestamp) as last_interaction_at
    from playlist_listens
    inner join matrix_users using (playlist_id)

)

select * from listener_songs
union all
select * from playlist_rows
