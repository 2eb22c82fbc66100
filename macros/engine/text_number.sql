{#
    A number of up to 15 hexadecimal digits for a text: the head of its MD5, because
    that is the same in every version of every engine.
#}
{% macro text_number(text, digits) -%}
    {{ return(adapter.dispatch('text_number')(text, digits)) }}
{%- endmacro %}

{% macro duckdb__text_number(text, digits) -%}
    cast('0x' || left(md5({{ text }}), {{ digits }}) as bigint)
{%- endmacro %}

{% macro spark__text_number(text, digits) -%}
    cast(conv(left(md5({{ text }}), {{ digits }}), 16, 10) as bigint)
{%- endmacro %}
