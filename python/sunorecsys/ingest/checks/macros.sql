-- Each *_problem macro is null when the value is good and otherwise says what is
-- wrong with it. The columns of `raw` are the text of the file.

create macro clean_id(raw_id) as nullif(
    trim(
        raw_id,
        ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(133)
        || chr(160) || chr(8203) || chr(12288) || chr(65279)
    ),
    ''
);

create macro id_problem(field, id) as case
    when length(id) > 512 then field || ' is longer than 512 characters'
    when regexp_matches(id, '\p{Cc}') then field || ' has control characters'
end;

create macro required_id_problem(field, id) as case
    when id is null then field || ' is missing'
    else id_problem(field, id)
end;

-- 1 MB, in bytes
create macro size_problem(field, raw_text) as case
    when strlen(raw_text) > 1048576 then field || ' is over 1 MB'
end;

create macro is_blank(raw_text) as coalesce(trim(raw_text) = '', true);

-- Forms of ISO 8601 that a cast does not know: a comma before the fraction, a space
-- before the offset, no separators, a small z.
create macro plain_time(raw_time) as regexp_replace(
    regexp_replace(
        regexp_replace(
            upper(raw_time),
            '^(\d{4})-?(\d{2})-?(\d{2})T(\d{2}):?(\d{2}):?(\d{2})',
            '\1-\2-\3T\4:\5:\6'
        ),
        ',(\d+)', '.\1'
    ),
    '\s+([+-]\d{2}:?\d{2})$', '\1'
);

-- A number from 1e11 is milliseconds: as seconds it would be the year 5138.
create macro epoch_time(seconds) as case
    when abs(seconds) < 1e11 then make_timestamp(round(seconds * 1e6)::bigint)
    when abs(seconds) < 1e14 then make_timestamp(round(seconds * 1e3)::bigint)
end;

-- Naive UTC; a time without an offset is UTC, because the session is.
create macro as_time(raw_time) as case
    when is_blank(raw_time) then null
    when try_cast(raw_time as double) is not null
        then epoch_time(try_cast(raw_time as double))
    when ltrim(raw_time)[1] between '0' and '9'
        then timezone('UTC', coalesce(
            try_cast(raw_time as timestamptz),
            try_cast(plain_time(trim(raw_time)) as timestamptz)
        ))
end;

create macro time_problem(field, raw_time, parsed_time) as case
    when is_blank(raw_time) then null
    when parsed_time is null then field || ' is not a time'
    when parsed_time < timestamp '1970-01-01' then field || ' is before 1970'
    when parsed_time > getvariable('latest') then field || ' is in the future'
end;

create macro as_count(raw_count) as case
    when try_cast(raw_count as double) between 0 and 1e12
        and try_cast(raw_count as double) = floor(try_cast(raw_count as double))
        then try_cast(raw_count as double)::bigint
end;

create macro count_problem(field, raw_count, parsed_count) as case
    when not is_blank(raw_count) and parsed_count is null
        then field || ' is not a whole number from 0 to 1e12'
end;

create macro as_flag(raw_flag) as try_cast(trim(raw_flag) as boolean);

create macro flag_problem(field, raw_flag) as case
    when not is_blank(raw_flag) and as_flag(raw_flag) is null
        then field || ' is neither true nor false'
end;

-- A refused row as it is kept: as it stands in the file, or its fields that have a
-- value.
create macro shown(raw_content, fields) as coalesce(
    raw_content,
    left(json_merge_patch('{}', to_json(fields))::varchar, 500)
);
