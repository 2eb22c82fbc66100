{# Whether this build reads landing: asked for, or `auto` and landing holds songs. #}
{% macro source_is_landing() %}
    {%- if not execute -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if var('source') not in ['auto', 'landing', 'sample'] -%}
        {{ exceptions.raise_compiler_error(
            "source is '" ~ var('source') ~ "'; use auto, landing or sample."
        ) }}
    {%- endif -%}
    {%- set holds_songs = landing_files('songs') > 0 -%}
    {%- if var('source') == 'landing' and not holds_songs -%}
        {{ exceptions.raise_compiler_error(
            'landing/songs is empty. Run "sunorecsys ingest songs FILE" first, '
            ~ 'or build with source: sample.'
        ) }}
    {%- endif -%}
    {{ return(var('source') != 'sample' and holds_songs) }}
{% endmacro %}
