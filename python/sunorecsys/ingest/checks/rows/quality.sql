with

named as (

    select
        raw.position,
        raw.problem,
        raw.content,
        clean_id(raw.song_id) as song_id,
        -- the four axes of Audiobox Aesthetics stand beside each other in a row
        list_filter(
            [
                {
                    'signal': lower(trim(coalesce(raw.signal, 'score'))),
                    'score': raw.score
                },
                {'signal': 'audiobox_ce', 'score': raw.audiobox_ce},
                {'signal': 'audiobox_cu', 'score': raw.audiobox_cu},
                {'signal': 'audiobox_pc', 'score': raw.audiobox_pc},
                {'signal': 'audiobox_pq', 'score': raw.audiobox_pq}
            ],
            lambda given: not is_blank(given.score)
        ) as given_scores,
        as_time(raw.exported_at) as exported_at,
        raw.exported_at as raw_time
    from raw

),

judged as (

    select
        *,
        coalesce(
            problem,
            required_id_problem('song_id', song_id),
            case when len(given_scores) = 0 then 'row has no score' end,
            list_filter(
                list_transform(
                    given_scores,
                    lambda given: case
                        when not regexp_full_match(given.signal, '[a-z0-9_-]{1,64}')
                            then 'signal is no name of letters, digits, _ and -'
                        when given.signal = 'engagement'
                            then 'signal is engagement, which the build makes itself'
                        when coalesce(
                            abs(try_cast(given.score as double)) <= 1e9, false
                        ) then null
                        else given.signal || ' is not a number up to 1e9'
                    end
                ),
                lambda score_problem: score_problem is not null
            )[1],
            time_problem('exported_at', raw_time, exported_at)
        ) as reason
    from named

)

select
    position,
    reason,
    case
        when reason is not null then shown(content, {
            'song_id': left(song_id, 500),
            'scores': left(given_scores::varchar, 500),
            'exported_at': left(raw_time, 500)
        })
    end as content,
    song_id,
    given_scores,
    exported_at
from judged
