with

ranked_candidates as (

    select
        user_index,
        song_index,
        version_index
    from {{ ref('ranked_candidates') }}

),

excluded_songs as (

    select * from {{ ref('excluded_songs') }}

),

recently_served as (

    select * from {{ ref('recently_served') }}

),

fill_order as (

    select * from {{ ref('fill_order') }}

),

listener_weights as (

    select
        user_index,
        quality
    from {{ ref('listener_weights') }}

),

song_quality as (

    select
        song_index,
        quality_score
    from {{ ref('song_quality') }}

),

candidate_counts as (

    select
        user_index,
        count(*) as candidate_count
    from ranked_candidates
    group by user_index

),

-- what was just served is out too, until nothing else is left
left_out as (

    select * from excluded_songs
    union all
    select * from recently_served

),

excluded_counts as (

    select
        user_index,
        count(*) as excluded
    from left_out
    group by user_index

),

short_lists as (

    select
        listener_weights.user_index,
        listener_weights.quality,
        coalesce(candidate_counts.candidate_count, 0) as candidates,
        -- every song that is out takes one version with it at most, so that looking
        -- this deep finds all that are missing
        {{ var('recommendations_per_listener') }}
        + coalesce(excluded_counts.excluded, 0) as depth
    from listener_weights
    left join candidate_counts using (user_index)
    left join excluded_counts using (user_index)
    where
        coalesce(candidate_counts.candidate_count, 0)
        < {{ var('recommendations_per_listener') }}

),

fill_songs as (

    select
        short_lists.*,
        fill_order.song_index,
        fill_order.version_index,
        fill_order.fill_rank
    from short_lists
    inner join fill_order
        on fill_order.version_rank <= short_lists.depth

),

unheard as (

    select *
    from fill_songs
    anti join excluded_songs using (user_index, song_index)
    anti join ranked_candidates using (user_index, version_index)

),

marked as (

    select
        unheard.*,
        recently_served.song_index is not null as is_repeat
    from unheard
    left join recently_served using (user_index, song_index)

),

one_version as (

    select *
    from marked
    qualify
        row_number() over (
            partition by user_index, version_index
            order by is_repeat, fill_rank
        ) = 1

)

select
    one_version.user_index,
    one_version.song_index,
    cast(
        one_version.candidates
        + row_number() over (
            partition by one_version.user_index
            order by one_version.is_repeat, one_version.fill_rank
        ) as integer
    ) as recommendation_rank,
    round(song_quality.quality_score * one_version.quality, 9) as quality_score
from one_version
inner join song_quality using (song_index)
qualify recommendation_rank <= {{ var('recommendations_per_listener') }}
