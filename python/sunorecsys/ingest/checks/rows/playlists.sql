with

typed as (

    select
        raw.position,
        raw.problem,
        raw.content,
        clean_id(raw.playlist_id) as playlist_id,
        clean_id(raw.owner_id) as owner_id,
        nullif(trim(raw.owner_handle), '') as owner_handle,
        as_count(raw.song_position) as song_position,
        list_transform(
            coalesce(
                raw.song_ids,
                case when raw.song_id is not null then [raw.song_id] end,
                []
            ),
            lambda song_id: clean_id(song_id)
        ) as song_ids,
        as_time(raw.exported_at) as exported_at,
        raw.song_position as raw_position,
        raw.exported_at as raw_time
    from raw

),

judged as (

    select
        *,
        coalesce(
            problem,
            required_id_problem('playlist_id', playlist_id),
            id_problem('owner_id', owner_id),
            size_problem('owner_handle', owner_handle),
            case when len(song_ids) = 0 then 'playlist has no songs' end,
            list_filter(
                list_transform(
                    song_ids,
                    lambda song_id: required_id_problem('song_id', song_id)
                ),
                lambda song_problem: song_problem is not null
            )[1],
            count_problem('song_position', raw_position, song_position),
            time_problem('exported_at', raw_time, exported_at)
        ) as reason
    from typed

)

select
    position,
    reason,
    case
        when reason is not null then shown(content, {
            'playlist_id': left(playlist_id, 500),
            'owner_id': left(owner_id, 500),
            'owner_handle': left(owner_handle, 500),
            'song_position': left(raw_position, 500),
            'song_ids': song_ids[:20],
            'exported_at': left(raw_time, 500)
        })
    end as content,
    playlist_id,
    owner_id,
    owner_handle,
    song_position,
    song_ids,
    exported_at
from judged
