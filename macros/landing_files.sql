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

{# Spark builds the sample only. #}
{% macro spark__landing_files(kind, ending) %}
    {%- if var('source') == 'landing' -%}
        {{ exceptions.raise_compiler_error(
            'source is landing, and Spark builds the sample only. Use target duckdb.'
        ) }}
    {%- endif -%}
    {{ return(0) }}
{% endmacro %}
