create or replace temp table landed as
with

good as (

    select * from checked where reason is null

),

first_events as (

    select min(position) as position
    from good
    where event_id is not null
    group by event_id

),

events as (

    select good.*
    from good
    where
        good.event_id is null
        or good.position in (select first_events.position from first_events)

),

first_times as (

    select min(position) as position
    from events
    where occurred_at is not null
    group by user_id, song_id, interaction_type, occurred_at

),

single as (

    select
        position,
        event_id,
        user_id,
        song_id,
        interaction_type,
        coalesce(occurred_at, getvariable('no_time')) as occurred_at,
        weight,
        1 as row_count
    from events
    where
        position in (select first_times.position from first_times)
        or (occurred_at is null and event_id is not null)

),

-- without a time and an id, a repeat is another play
summed as (

    select
        min(position) as position,
        null as event_id,
        user_id,
        song_id,
        interaction_type,
        getvariable('no_time') as occurred_at,
        sum(weight) as weight,
        count(*) as row_count
    from events
    where occurred_at is null and event_id is null
    group by user_id, song_id, interaction_type

)

select * from single
union all
select * from summed;

create or replace temp table counts as
with

kept as (

    select
        coalesce(sum(row_count), 0)::bigint as accepted,
        coalesce(
            sum(row_count) filter (where occurred_at = getvariable('no_time')), 0
        )::bigint as without_time
    from landed

),

good as (

    select count(*) as good_rows from checked where reason is null

)

select
    kept.accepted,
    good.good_rows - kept.accepted as repeated,
    kept.without_time
from kept
cross join good;
