{#
    The weight of a song in the row of a listener or playlist. For tfidf a listener of
    few songs says more with each: w x ln(1 + songs of the catalogue / songs of the row).
#}
{% macro item_similarity_weight() %}
    {%- if var('item_similarity') == 'tfidf' -%}
        round(
            capped.weight * ln(1 + catalogue.song_count / listener_totals.song_count), 4
        )
    {%- else -%}
        capped.weight
    {%- endif -%}
{% endmacro %}
