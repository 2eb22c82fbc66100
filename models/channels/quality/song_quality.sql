{%- set weights = quality_weights() -%}

with

catalogue as (

    select
        song_index,
        play_count,
        upvote_count,
        comment_count
    from {{ ref('catalogue') }}

),

outside_quality as (

    select * from {{ ref('outside_quality') }}

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

engaged as (

    select
        song_index,
        play_count,
        round(
            0.4 * engagement_percentile
            + 0.3 * plays_percentile
            + 0.3 * upvotes_percentile,
            9
        ) as weighted_signals,
        {{ mid_rank_percentile('weighted_signals') }} as engagement
    from percentiles

),

-- a signal that a song does not have says what its engagement says
weighted as (

    select
        engaged.song_index,
        engaged.play_count,
        round(
            (
                {% for signal, weight in weights.items() if signal != 'engagement' -%}
                {{ weight }} * coalesce(
                    max(outside_quality.score_percentile) filter (
                        where outside_quality.signal = '{{ signal }}'
                    ),
                    engaged.engagement
                ) +
                {% endfor -%}
                {{ weights.get('engagement', 0.0) }} * engaged.engagement
            ) / {{ weights.values() | sum }},
            9
        ) as quality
    from engaged
    left join outside_quality using (song_index)
    group by engaged.song_index, engaged.play_count, engaged.engagement

)

select
    song_index,
    round({{ mid_rank_percentile('quality') }}, 9) as quality_score,
    -- too few plays to judge: heard before it is filtered
    coalesce(play_count, 0) >= {{ var('min_plays_for_quality') }}
    and quality_score < {{ var('quality_threshold') }} as is_below_threshold
from weighted
