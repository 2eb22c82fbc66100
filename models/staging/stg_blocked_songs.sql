select * from {{ landing_rows('blocked', {
    'song_id': 'string',
    'blocked_at': 'timestamp',
    'reason': 'string',
}) }}
