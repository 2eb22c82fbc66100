{# How many files landing holds of one kind. #}
{% macro landing_files(kind, ending='parquet') %}
    {{ return(adapter.dispatch('landing_files')(kind, ending)) }}
{% endmacro %}

{% macro duckdb__landing_files(kind, ending) %}
    {%- set count -%}
        select count(*) from glob('landing/{{ kind }}/*.{{ ending }}')
    {%- endset -%}
    {{ return(run_query(count).columns[0].values()[0] | int) }}
{% endmacro %}

{# Spark has no function that lists files. #}
{% macro spark__landing_files(kind, ending) %}
    {{ return(adapter.landing_files(kind, ending)) }}
{% endmacro %}
