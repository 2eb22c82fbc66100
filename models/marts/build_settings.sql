{%- if var('playlist_length') > var('recommendations_per_listener') -%}
    {{ exceptions.raise_compiler_error(
        'playlist_length is ' ~ var('playlist_length')
        ~ ', but only recommendations_per_listener ('
        ~ var('recommendations_per_listener') ~ ') are kept. Raise that first.'
    ) }}
{%- endif -%}

select
    '{{ valid_name(var("variant")) }}' as variant,
    cast({{ var('last_n') }} as integer) as last_n,
    cast({{ var('top_k_per_seed') }} as integer) as top_k_per_seed,
    cast({{ var('candidates_per_channel') }} as integer) as candidates_per_channel,
    cast({{ var('playlist_length') }} as integer) as playlist_length,
    cast({{ var('max_per_creator') }} as integer) as max_per_creator,
    cast({{ var('max_per_genre') or 'null' }} as integer) as max_per_genre,
    cast({{ var('repeat_after_weeks') }} as integer) as repeat_after_weeks,
    cast({{ var('quality_threshold') }} as double) as quality_threshold,
    cast({{ var('min_plays_for_quality') }} as integer) as min_plays_for_quality,
    cast({{ share_or_null('relative_weights') }} as double) as relative_weights
