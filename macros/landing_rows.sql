{#
    What landing holds of one kind, in these columns, types by name: null where a file
    lacks one, and no row where there is no file.
#}
{% macro landing_rows(kind, columns, is_wanted=true) -%}
    {%- if execute and is_wanted and landing_files(kind) > 0 -%}
        {{ adapter.dispatch('landing_rows')(kind, columns) }}
    {%- else -%}
    ({{ no_rows(columns) }}
    )
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__landing_rows(kind, columns) -%}
    ({{ no_rows(columns) }}
        union all by name
        select *
        from read_parquet('landing/{{ kind }}/*.parquet', union_by_name = true)
    )
{%- endmacro %}

{% macro spark__landing_rows(kind, columns) -%}
    {%- call statement() -%}
        create or replace temporary view landing_{{ kind }} (
            {%- for name, type in columns.items() %}
            {{ name }} {{ type }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) using parquet options (path 'landing/{{ kind }}/*.parquet')
    {%- endcall -%}
    landing_{{ kind }}
{%- endmacro %}
