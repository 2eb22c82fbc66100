with

recommendations as (

    select
        user_id,
        song_id,
        recommendation_rank
    from {{ ref('recommendations') }}

),

-- events as they arrived, not what the build made of them
listens as (

    select
        user_id,
        song_id
    from {{ ref('listens') }}

),

user_songs as (

    select
        user_id,
        song_id
    from {{ ref('user_songs') }}
    where is_disliked

),

songs as (

    select
        song_id,
        creator_id,
        is_hidden
    from {{ ref('songs') }}

),

heard as (

    select
        recommendations.*,
        'heard' as rule
    from recommendations
    semi join listens using (user_id, song_id)

),

disliked as (

    select
        recommendations.*,
        'disliked' as rule
    from recommendations
    semi join user_songs using (user_id, song_id)

),

own_or_hidden as (

    select
        recommendations.*,
        case when songs.is_hidden then 'hidden' else 'own' end as rule
    from recommendations
    inner join songs using (song_id)
    where songs.is_hidden or songs.creator_id = recommendations.user_id

)

select * from heard
union all
select * from disliked
union all
select * from own_or_hidden
