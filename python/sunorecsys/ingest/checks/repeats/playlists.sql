create or replace temp table entries as
select
    position,
    playlist_id,
    song_position,
    unnest(song_ids) as song_id,
    generate_subscripts(song_ids, 1) as place_in_row
from checked
where reason is null;

create or replace temp table landed as
with

first_entries as (

    select *
    from entries
    qualify row_number() over (
        partition by playlist_id, song_id
        order by song_position nulls last, position, place_in_row
    ) = 1

),

owners as (

    select
        playlist_id,
        arg_min(owner_id, position) filter (where owner_id is not null) as owner_id,
        arg_min(owner_handle, position)
            filter (where owner_handle is not null) as owner_handle,
        coalesce(max(exported_at), getvariable('exported_at')) as exported_at
    from checked
    where reason is null
    group by playlist_id

)

select
    row_number() over (
        order by
            first_entries.playlist_id,
            first_entries.song_position nulls last,
            first_entries.position,
            first_entries.place_in_row
    ) as position,
    first_entries.position as row_position,
    first_entries.playlist_id,
    owners.owner_id,
    owners.owner_handle,
    (row_number() over (
        partition by first_entries.playlist_id
        order by
            first_entries.song_position nulls last,
            first_entries.position,
            first_entries.place_in_row
    ))::integer as song_position,
    first_entries.song_id,
    owners.exported_at
from first_entries
inner join owners on first_entries.playlist_id = owners.playlist_id;

create or replace temp table counts as
select
    (select count(distinct row_position) from landed) as accepted,
    (select count(*) from entries) - (select count(*) from landed) as repeated,
    0 as without_time;
