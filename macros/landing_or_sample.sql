{#
    The relation a staging model reads: the Parquet files of landing/<kind>, or the
    sample. A kind with no file in landing is an empty table of the sample's shape.
#}
{% macro landing_or_sample(kind) %}
    {%- set sample = ref('sample_' ~ kind) -%}
    {%- if not execute or not source_is_landing() -%}
        {{ sample }}
    {%- elif landing_files(kind) == 0 -%}
        (select * from {{ sample }} where false)
    {%- else -%}
        read_parquet('landing/{{ kind }}/*.parquet', union_by_name = true)
    {%- endif -%}
{% endmacro %}
