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
    cast(null as string) as build_id,
    cast(null as timestamp) as started_at,
    cast(null as double) as seconds,
    cast(null as string) as status,
    cast(null as timestamp) as as_of,
    cast(null as string) as source,
    cast(null as string) as release_id,
    cast(
        null as {{ list_type(struct_type({
            'resource_type': 'string',
            'name': 'string',
            'status': 'string',
            'seconds': 'double',
            'row_count': 'bigint',
            'failures': 'bigint',
        })) }}
    ) as steps
where false
{%- endif %}
