{#
    The lines of JSON that landing holds of one kind, in these columns, types by name.
    A damaged line is a row in which something is null.
#}
{% macro landing_lines(kind, columns, is_wanted=true) -%}
    {%- if execute and is_wanted and landing_files(kind, 'jsonl') > 0 -%}
        {{ adapter.dispatch('landing_lines')(kind, columns) }}
    {%- else -%}
    ({{ no_rows(columns) }}
    )
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__landing_lines(kind, columns) -%}
    read_json(
        'landing/{{ kind }}/*.jsonl',
        format = 'newline_delimited',
        ignore_errors = true,
        columns = {
            {%- for name, type in columns.items() %}
            {{ name }}: '{{ type }}'{{ ',' if not loop.last }}
            {%- endfor %}
        }
    )
{%- endmacro %}

{% macro spark__landing_lines(kind, columns) -%}
    (
        select line.*
        from (
            select
                from_json(
                    value,
                    '
                    {%- for name, type in columns.items() -%}
                    {{ name }} {{ type }}{{ ', ' if not loop.last }}
                    {%- endfor -%}
                    '
                ) as line
            from text.`landing/{{ kind }}/*.jsonl`
        )
    )
{%- endmacro %}
