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

song_pairs as (

    select
        seed.song_index,
        neighbor.song_index as neighbor_index,
        count(*) as shared_listeners,
        sum(seed.seed_share * neighbor.neighbor_share) / 1e18 as similarity
    from item_cf_weights as seed
    inner join item_cf_weights as neighbor
        on
            seed.user_index = neighbor.user_index
            and seed.song_index != neighbor.song_index
    group by seed.song_index, neighbor.song_index
    having count(*) >= {{ var('min_shared_listeners') }}

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
    from song_pairs

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
