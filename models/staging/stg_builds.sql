{%- if execute and landing_files('builds') > 0 -%}
select
    build_id,
    started_at,
    seconds,
    status,
    as_of,
    source,
    release_id,
    steps
from read_parquet('landing/builds/*.parquet')
{%- else -%}
select
    cast(null as varchar) as build_id,
    cast(null as timestamp) as started_at,
    cast(null as double) as seconds,
    cast(null as varchar) as status,
    cast(null as timestamp) as as_of,
    cast(null as varchar) as source,
    cast(null as varchar) as release_id,
    cast(
        null as struct(
            resource_type varchar,
            name varchar,
            status varchar,
            seconds double,
            row_count bigint,
            failures bigint
        )[]
    ) as steps
where false
{%- endif %}
