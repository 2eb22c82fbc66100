with

listens as (

    select
        user_id,
        song_index,
        occurred_at,
        weight,
        type_weight
    from {{ ref('listens') }}
    where is_counted

),

first_listens as (

    select
        user_id,
        min(occurred_at) as first_at
    from listens
    where occurred_at > timestamp '1970-01-01'
    group by user_id

),

catalogue as (

    select
        song_index,
        song_id,
        play_count,
        upvote_count,
        comment_count
    from {{ ref('catalogue') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

aged_listens as (

    select
        listens.song_index,
        listens.weight,
        listens.type_weight,
        -- what has no time does not age
        case
            when listens.occurred_at = timestamp '1970-01-01' then 0
            else {{ days_between('listens.occurred_at', 'build_clock.as_of') }}
        end as age_days,
        listens.occurred_at = timestamp '1970-01-01'
        or listens.occurred_at >= first_listens.first_at + interval 1 day
            as is_by_returning_listener
    from listens
    left join first_listens using (user_id)
    cross join build_clock

),

decayed as (

    select
        song_index,
        is_by_returning_listener,
        -- decimals, because parallel sums of doubles differ from run to run
        cast(
            type_weight
            * log2(1 + weight)
            * pow(0.5, age_days / {{ var('popularity_half_life_days') }})
            as decimal(18, 9)
        ) as score
    from aged_listens

),

summed as (

    select
        song_index,
        sum(score) as popularity_score,
        sum(score) filter (where is_by_returning_listener) as returning_popularity_score
    from decayed
    group by song_index

),

scored as (

    select
        catalogue.song_index,
        catalogue.song_id,
        greatest(coalesce(summed.popularity_score, 0), 0) as popularity_score,
        greatest(coalesce(summed.returning_popularity_score, 0), 0)
            as returning_popularity_score,
        coalesce(catalogue.play_count, 0)
        + coalesce(catalogue.upvote_count, 0)
        + coalesce(catalogue.comment_count, 0) as exported_engagement
    from catalogue
    left join summed using (song_index)

)

select
    song_index,
    cast(round(popularity_score, 6) as double) as popularity_score,
    cast(round(returning_popularity_score, 6) as double) as returning_popularity_score,
    -- before anybody has listened, what the export says
    cast(
        row_number() over (
            order by scored.popularity_score desc, exported_engagement desc, song_id
        ) as integer
    ) as popularity_rank
from scored
