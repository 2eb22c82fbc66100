with

typed as (

    select
        raw.position,
        raw.problem,
        raw.content,
        clean_id(raw.event_id) as event_id,
        clean_id(raw.user_id) as user_id,
        clean_id(raw.song_id) as song_id,
        case
            when is_blank(raw.interaction_type) then 'play'
            else lower(trim(raw.interaction_type))
        end as interaction_type,
        -- the time that stands for none is none
        nullif(as_time(raw.occurred_at), getvariable('no_time')) as occurred_at,
        as_time(raw.occurred_at) as parsed_time,
        raw.occurred_at as raw_time,
        case
            when is_blank(raw.weight) then 1
            else try_cast(raw.weight as double)
        end as weight,
        raw.weight as raw_weight
    from raw

),

judged as (

    select
        *,
        coalesce(
            problem,
            required_id_problem('user_id', user_id),
            required_id_problem('song_id', song_id),
            id_problem('event_id', event_id),
            case
                when not list_contains(getvariable('types'), interaction_type)
                    then 'unknown interaction type '''
                        || left(interaction_type, 40) || '''; known: '
                        || array_to_string(getvariable('types'), ', ')
            end,
            time_problem('occurred_at', raw_time, parsed_time),
            case
                -- DuckDB sorts NaN above every number
                when weight > 0 and weight <= 1e9 then null
                else 'weight is not a number above 0 and up to 1e9'
            end
        ) as reason
    from typed

)

select
    position,
    reason,
    case
        when reason is not null then shown(content, {
            'event_id': left(event_id, 500),
            'user_id': left(user_id, 500),
            'song_id': left(song_id, 500),
            'interaction_type': left(interaction_type, 500),
            'occurred_at': left(raw_time, 500),
            'weight': left(raw_weight, 500)
        })
    end as content,
    event_id,
    user_id,
    song_id,
    interaction_type,
    occurred_at,
    weight
from judged
