with

catalogue as (

    select
        song_index,
        play_count,
        upvote_count,
        comment_count
    from {{ ref('catalogue') }}

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

)

select
    song_index,
    play_count,
    round({{ mid_rank_percentile('weighted_signals') }}, 9) as engagement_score
from weighted
