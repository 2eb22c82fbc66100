{#
    Seeds on Spark: its own reader of CSV, since dbt-spark would insert the values as
    SQL text, in which apostrophes are errors and nulls become the word None.
#}
{% materialization seed, adapter='spark' %}
    {%- set relation = api.Relation.create(
        identifier=model.alias, schema=schema, type='table'
    ) -%}
    {%- set columns = model.config.column_types -%}
    {%- do adapter.drop_relation(relation) -%}
    {%- call statement('csv') -%}
        create or replace temporary view {{ model.alias }}_csv (
            {%- for name in columns %}
            {{ name }} string{{ ',' if not loop.last }}
            {%- endfor %}
        ) using csv options (
            path '{{ model.root_path }}/{{ model.original_file_path }}',
            header 'true',
            multiLine 'true',
            escape '"'
        )
    {%- endcall -%}
    {%- call statement('main') -%}
        create table {{ relation }} using parquet as
        select
            {%- for name, type in columns.items() %}
            cast({{ name }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ model.alias }}_csv
    {%- endcall -%}
    {%- do store_result(
        'agate_table', response='OK', agate_table=load_agate_table()
    ) -%}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
