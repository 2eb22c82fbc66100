{#
    What one listener adds to the similarity of two songs, split into a factor of the
    seed song and a factor of its neighbor. Both lie between 0 and 1.

    cosine: w / ‖song‖ on both sides.
    tfidf: the same, with the weights of item_similarity_weight.
    rp3beta: a walk from the seed song to a listener and on to the neighbor, each step
    to the power of alpha, over the neighbor's weight to the power of beta
    (Paudel et al. 2017, "Updatable, accurate, diverse, and scalable recommendations").
#}
{% macro item_similarity_shares() %}
    {%- if var('item_similarity') in ('cosine', 'tfidf', 'ease') -%}
        weighted.weight / song_totals.song_norm as seed_share,
        weighted.weight / song_totals.song_norm as neighbor_share
    {%- elif var('item_similarity') == 'rp3beta' -%}
        pow(weighted.weight / song_totals.song_weight, {{ var('rp3beta_alpha') }})
            as seed_share,
        pow(weighted.weight / weighted.listener_weight, {{ var('rp3beta_alpha') }})
        / pow(greatest(song_totals.song_weight, 1), {{ var('rp3beta_beta') }})
            as neighbor_share
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "item_similarity is '" ~ var('item_similarity')
            ~ "'; use cosine, tfidf, rp3beta or ease."
        ) }}
    {%- endif -%}
{% endmacro %}
