{#
    The words of a text as a list, in lower case and without accents: letters and digits
    that stand together, each Chinese, Japanese or Korean character for itself. The
    macro search of a release splits what is searched in the same way.
#}
{% macro search_words(text) -%}
    list_transform(
        regexp_extract_all(
            regexp_replace(
                strip_accents(lower({{ text }})),
                '([\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}])',
                ' \1 ',
                'g'
            ),
            '[\pL\pN\pM]+'
        ),
        -- vocals and vocal are one word
        lambda word: regexp_replace(word[:64], '^(.{2,}[^su])s$', '\1')
    )
{%- endmacro %}
