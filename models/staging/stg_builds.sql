select *
from {{ landing_rows('builds', {
    'build_id': 'string',
    'started_at': 'timestamp',
    'seconds': 'double',
    'status': 'string',
    'as_of': 'timestamp',
    'source': 'string',
    'release_id': 'string',
    'steps': list_type(struct_type({
        'resource_type': 'string',
        'name': 'string',
        'status': 'string',
        'seconds': 'double',
        'row_count': 'bigint',
        'failures': 'bigint',
    })),
}) }}
