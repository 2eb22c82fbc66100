{%- set weights = quality_weights() -%}
{%- set share = share_or_null('popularity_in_quality') -%}

with

song_engagement as (

    select * from {{ ref('song_engagement') }}

),

outside_quality as (

    select * from {{ ref('outside_quality') }}

),

song_popularity as (

    select
        song_index,
        -- the most popular song has 1
        returning_popularity_score
        / greatest(max(returning_popularity_score) over (), 1e-6) as popularity
    from {{ ref('song_popularity') }}

),

-- a signal that a song does not have says what its engagement says
weighted as (

    select
        song_engagement.song_index,
        song_engagement.play_count,
        round(
            (
                {% for signal, weight in weights.items() if signal != 'engagement' -%}
                {{ weight }} * coalesce(
                    max(outside_quality.score_percentile) filter (
                        where outside_quality.signal = '{{ signal }}'
                    ),
                    song_engagement.engagement_score
                ) +
                {% endfor -%}
                {{ weights.get('engagement', 0.0) }} * song_engagement.engagement_score
            ) / {{ weights.values() | sum }},
            9
        ) as weighted_signals
    from song_engagement
    left join outside_quality using (song_index)
    group by
        song_engagement.song_index,
        song_engagement.play_count,
        song_engagement.engagement_score

),

judged as (

    select
        song_index,
        play_count,
        round({{ mid_rank_percentile('weighted_signals') }}, 9) as judged_score
    from weighted

)

select
    judged.song_index,
    round(
        (1 - coalesce({{ share }}, 0)) * judged.judged_score
        + coalesce({{ share }}, 0) * coalesce(song_popularity.popularity, 0),
        9
    ) as quality_score,
    -- too few plays to judge: heard before it is filtered; popular or not
    coalesce(judged.play_count, 0) >= {{ var('min_plays_for_quality') }}
    and judged.judged_score < {{ var('quality_threshold') }} as is_below_threshold
from judged
left join song_popularity using (song_index)
