{%- set share = share_or_null('popularity_in_quality') -%}

with

catalogue as (

    select
        song_index,
        play_count,
        upvote_count,
        comment_count
    from {{ ref('catalogue') }}

),

song_popularity as (

    select
        song_index,
        -- the most popular song has 1
        returning_popularity_score
        / greatest(max(returning_popularity_score) over (), 1e-6) as popularity
    from {{ ref('song_popularity') }}

),

-- plays and reactions of the songs that report both
catalogue_rates as (

    select
        sum(upvote_count + comment_count) / nullif(sum(play_count), 0)
            as engagement_rate,
        sum(upvote_count) / nullif(sum(play_count), 0) as upvote_rate
    from catalogue
    where
        play_count is not null
        and upvote_count is not null
        and comment_count is not null

),

-- a rate of few plays is pulled towards the catalogue's
signals as (

    select
        catalogue.song_index,
        catalogue.play_count,
        (
            catalogue.upvote_count + catalogue.comment_count
            + {{ var('quality_prior_plays') }} * catalogue_rates.engagement_rate
        ) / (catalogue.play_count + {{ var('quality_prior_plays') }})
            as engagement_rate,
        ln(1 + catalogue.play_count) as log_plays,
        (
            catalogue.upvote_count
            + {{ var('quality_prior_plays') }} * catalogue_rates.upvote_rate
        ) / (catalogue.play_count + {{ var('quality_prior_plays') }})
            as upvotes_per_play
    from catalogue
    cross join catalogue_rates

),

percentiles as (

    select
        song_index,
        play_count,
        {{ mid_rank_percentile('engagement_rate') }} as engagement_percentile,
        {{ mid_rank_percentile('log_plays') }} as plays_percentile,
        {{ mid_rank_percentile('upvotes_per_play') }} as upvotes_percentile
    from signals

),

weighted as (

    select
        song_index,
        play_count,
        round(
            0.4 * engagement_percentile
            + 0.3 * plays_percentile
            + 0.3 * upvotes_percentile,
            9
        ) as weighted_signals
    from percentiles

),

scored as (

    select
        song_index,
        play_count,
        round({{ mid_rank_percentile('weighted_signals') }}, 9) as engagement_score
    from weighted

)

select
    scored.song_index,
    round(
        (1 - coalesce({{ share }}, 0)) * scored.engagement_score
        + coalesce({{ share }}, 0) * coalesce(song_popularity.popularity, 0),
        9
    ) as quality_score,
    -- too few plays to judge: heard before it is filtered; popular or not
    coalesce(scored.play_count, 0) >= {{ var('min_plays_for_quality') }}
    and scored.engagement_score < {{ var('quality_threshold') }} as is_below_threshold
from scored
left join song_popularity using (song_index)
