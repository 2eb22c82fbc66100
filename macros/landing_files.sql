{# How many Parquet files landing holds of one kind. #}
{% macro landing_files(kind) %}
    {%- set count -%}
        select count(*) from glob('landing/{{ kind }}/*.parquet')
    {%- endset -%}
    {{ return(run_query(count).columns[0].values()[0] | int) }}
{% endmacro %}
