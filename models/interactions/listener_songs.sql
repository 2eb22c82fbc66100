with

listens as (

    select * from {{ ref('listens') }}

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}
    where user_id is not null

),

by_type as (

    select
        user_id,
        song_index,
        interaction_type,
        -- a repeat is a stronger opinion, but each repeat adds less: 1, 3, 7 … plays
        -- weigh 1, 2, 3 … times as much as one
        cast(
            coalesce(
                any_value(type_weight)
                * log2(
                    1 + sum(cast(weight as decimal(18, 3))) filter (where is_counted)
                ),
                0
            ) as decimal(18, 2)
        ) as weight,
        count(*) as interaction_count,
        min(occurred_at) as first_interaction_at,
        max(occurred_at) as last_interaction_at
    from listens
    group by user_id, song_index, interaction_type

),

by_song as (

    select
        user_id,
        song_index,
        sum(weight) as weight,
        sum(interaction_count) as interaction_count,
        min(first_interaction_at) as first_interaction_at,
        max(last_interaction_at) as last_interaction_at,
        max(last_interaction_at) filter (
            where interaction_type in ('like', 'save', 'share')
        ) as last_liked_at,
        max(last_interaction_at) filter (
            where interaction_type = 'dislike'
        ) as last_disliked_at
    from by_type
    group by user_id, song_index

)

select
    matrix_users.user_index,
    by_song.song_index,
    cast(by_song.weight as double) as weight,
    cast(by_song.interaction_count as bigint) as interaction_count,
    by_song.first_interaction_at,
    by_song.last_interaction_at,
    -- the last word counts
    coalesce(
        by_song.last_liked_at > by_song.last_disliked_at,
        by_song.last_liked_at is not null
    ) as is_liked,
    coalesce(
        by_song.last_disliked_at >= by_song.last_liked_at,
        by_song.last_disliked_at is not null
    ) as is_disliked
from by_song
inner join matrix_users using (user_id)
