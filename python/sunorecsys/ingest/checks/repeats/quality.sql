create or replace temp table entries as
select
    position,
    song_id,
    exported_at,
    unnest(given_scores) as given,
    generate_subscripts(given_scores, 1) as place_in_row
from checked
where reason is null;

create or replace temp table landed as
select
    row_number() over (order by position, place_in_row) as position,
    position as row_position,
    song_id,
    given.signal as signal,
    given.score::double as score,
    coalesce(exported_at, getvariable('exported_at')) as exported_at
from entries
-- of what is said twice of a song, the newest counts, and of one time the last
qualify row_number() over (
    partition by song_id, given.signal
    order by exported_at desc nulls last, position desc, place_in_row desc
) = 1;

create or replace temp table counts as
select
    (select count(distinct row_position) from landed) as accepted,
    (select count(*) from entries) - (select count(*) from landed) as repeated,
    0 as without_time;
