{%- if execute and landing_files('blocked') > 0 -%}
select
    song_id,
    blocked_at,
    reason
from read_parquet('landing/blocked/*.parquet')
{%- else -%}
select
    cast(null as string) as song_id,
    cast(null as timestamp) as blocked_at,
    cast(null as string) as reason
where false
{%- endif %}
