with

score_histograms as (

    select * from {{ landing_rows('monitoring', {
        'week_start': 'date',
        'channel': 'string',
        'score_bin': 'integer',
        'candidates': 'bigint',
    }, source_is_landing()) }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

)

-- this week's are being counted; what a later build counted is the future
select score_histograms.*
from score_histograms
inner join build_clock
    on score_histograms.week_start < build_clock.week_start
