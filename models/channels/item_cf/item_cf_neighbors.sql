with

item_cf_weights as (

    select * from {{ ref('item_cf_weights') }}

),

ease_neighbors as (

    select
        song_index,
        neighbor_index,
        similarity
    from {{ ref('ease_neighbors') }}

),

catalogue as (

    select song_index
    from {{ ref('catalogue') }}
    where not is_hidden

),

-- each pair once, with its sums in both directions
song_pairs as (

    select
        one.song_index as one_index,
        other.song_index as other_index,
        count(*) as shared_listeners,
        sum(one.seed_share * other.neighbor_share) as from_one,
        sum(other.seed_share * one.neighbor_share) as from_other
    from item_cf_weights as one
    inner join item_cf_weights as other
        on
            one.user_index = other.user_index
            and one.song_index < other.song_index
    group by one.song_index, other.song_index
    having count(*) >= {{ var('min_shared_listeners') }}

),

directions as (

    select is_from_one from {{ value_rows([true, false], 'is_from_one') }}

),

both_ways as (

    select
        song_pairs.shared_listeners,
        if(directions.is_from_one, one_index, other_index) as song_index,
        if(directions.is_from_one, other_index, one_index) as neighbor_index,
        if(directions.is_from_one, from_one, from_other) / 1e18 as similarity
    from song_pairs
    cross join directions

),

shrunk as (

    select
        song_index,
        neighbor_index,
        -- few shared listeners are weak evidence
        round(
            similarity * shared_listeners
            / (shared_listeners + {{ var('item_shrinkage') }}),
            8
        ) as similarity
    from both_ways

),

-- one of the two is empty: item_similarity says which
similarities as (

    select * from shrunk
    union all
    select * from ease_neighbors

)

select
    similarities.song_index,
    similarities.neighbor_index,
    similarities.similarity,
    cast(
        row_number() over (
            partition by similarities.song_index
            order by similarities.similarity desc, similarities.neighbor_index
        ) as integer
    ) as neighbor_rank
from similarities
inner join catalogue
    on similarities.neighbor_index = catalogue.song_index
where similarities.similarity != 0
qualify neighbor_rank <= {{ var('neighbors_per_song') }}
