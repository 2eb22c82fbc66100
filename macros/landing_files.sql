{# How many files landing holds of one kind. #}
{% macro landing_files(kind, ending='parquet') %}
    {%- set count -%}
        select count(*) from glob('landing/{{ kind }}/*.{{ ending }}')
    {%- endset -%}
    {{ return(run_query(count).columns[0].values()[0] | int) }}
{% endmacro %}
