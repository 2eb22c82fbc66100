{#- of a pair of songs while its listeners are counted, measured -#}
{%- set bytes_per_pair = 100 -%}
{%- set limit_gb = 'coalesce(' ~ positive_or_null('item_cf_memory_gb') ~ ', 1e300)' -%}
{%- set caps = [] -%}
{%- for divisor in (1, 2, 4, 8, 16) -%}
{%- do caps.append([var('max_songs_per_listener') // divisor, 1] | max) -%}
{%- endfor -%}

with

row_lengths as (

    select
        user_index,
        count(*) as song_count
    from {{ ref('interaction_matrix') }}
    -- ease compares no pairs
    where '{{ var("item_similarity") }}' != 'ease'
    group by user_index

),

catalogue as (

    select count(*) as song_count from {{ ref('catalogue') }}

),

-- the cap that is set, and lower ones that would make fewer pairs
caps as (

    select max_songs_per_listener
    from {{ value_rows(caps | unique | list, 'max_songs_per_listener') }}

),

capped as (

    select
        caps.max_songs_per_listener,
        least(row_lengths.song_count, caps.max_songs_per_listener) as song_count
    from row_lengths
    cross join caps

),

pairs_by_cap as (

    select
        max_songs_per_listener,
        cast(sum(song_count * (song_count - 1)) / 2 as bigint) as pairs
    from capped
    group by max_songs_per_listener

),

costs as (

    select
        pairs_by_cap.max_songs_per_listener,
        pairs_by_cap.pairs,
        -- no more than all pairs of songs
        least(
            1.0 * pairs_by_cap.pairs,
            0.5 * catalogue.song_count * (catalogue.song_count - 1)
        )
        * {{ bytes_per_pair }} / 1e9 as memory_gb
    from pairs_by_cap
    cross join catalogue

),

affordable as (

    select max(max_songs_per_listener) as max_songs_per_listener
    from costs
    where memory_gb <= {{ limit_gb }}

)

select costs.*
from costs
cross join affordable
where
    case
        when
            costs.max_songs_per_listener < {{ caps[0] }}
            or costs.memory_gb <= {{ limit_gb }}
            then true
        else
            {{ stop_with(
                "'item_cf would count ' || costs.pairs || ' pairs of songs, which take '"
                ~ " || round(costs.memory_gb, 3) || ' GB of memory and disk, and"
                ~ " item_cf_memory_gb allows " ~ var('item_cf_memory_gb')
                ~ ". Set max_songs_per_listener to '"
                ~ " || coalesce(affordable.max_songs_per_listener, 1)"
                ~ " || ' instead of " ~ caps[0] ~ ", item_similarity to ease, or raise"
                ~ " item_cf_memory_gb if there is room.'"
            ) }}
    end
