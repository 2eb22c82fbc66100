with

-- lists that were served before a column was logged lack it
served_lists as (

    select * from {{ landing_rows('served', {
        'week_start': 'date',
        'user_id': 'string',
        'playlist_rank': 'integer',
        'song_id': 'string',
        'blended_score': 'double',
        'primary_channel': 'string',
        'reason': 'string',
        'as_of': 'timestamp',
        'variant': 'string',
        'experiment': 'string',
    }, source_is_landing()) }}

),

build_clock as (

    select week_start from {{ ref('build_clock') }}

)

-- the list of this week is being made; what a later build served is the future
select
    served_lists.week_start,
    served_lists.user_id,
    served_lists.playlist_rank,
    served_lists.song_id,
    served_lists.blended_score,
    served_lists.primary_channel,
    served_lists.reason,
    served_lists.as_of,
    served_lists.variant,
    served_lists.experiment
from served_lists
inner join build_clock
    on served_lists.week_start < build_clock.week_start
