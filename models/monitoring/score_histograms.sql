with

candidate_scores as (

    select
        channel,
        -- tenths, each with its lower bound; the best of a listener, 1, is in the last
        least(cast(floor(normalized_score * 10) as integer) + 1, 10) as score_bin
    from {{ ref('candidate_scores') }}

),

stg_score_histograms as (

    select * from {{ ref('stg_score_histograms') }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

),

counted as (

    select
        channel,
        score_bin,
        count(*) as candidates
    from candidate_scores
    group by channel, score_bin

),

channels as (

    select channel
    from {{ value_rows(['item_cf', 'content', 'prompt', 'user_cf'], 'channel') }}

),

bins as (

    select score_bin from {{ value_rows(range(1, 11), 'score_bin') }}

),

-- a channel that proposes nothing is seen as well
all_bins as (

    select
        build_clock.week_start,
        channels.channel,
        cast(bins.score_bin as integer) as score_bin
    from build_clock
    cross join channels
    cross join bins

)

select
    week_start,
    channel,
    score_bin,
    candidates
from stg_score_histograms
union all
select
    all_bins.week_start,
    all_bins.channel,
    all_bins.score_bin,
    coalesce(counted.candidates, 0) as candidates
from all_bins
left join counted using (channel, score_bin)
