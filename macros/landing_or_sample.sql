{#
    The relation a staging model reads: the Parquet files of landing/<kind>, or the
    sample. A kind with no file in landing is an empty table of the sample's shape.
#}
{% macro landing_or_sample(kind) %}
    {%- set sample = ref('sample_' ~ kind) -%}
    {%- if not source_is_landing() -%}
        {{ return(sample) }}
    {%- endif -%}
    {%- set seed = graph.nodes['seed.' ~ project_name ~ '.sample_' ~ kind] -%}
    {{ return(landing_rows(kind, seed.config.column_types)) }}
{% endmacro %}
