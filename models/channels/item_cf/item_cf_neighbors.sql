with

item_cf_weights as (

    select * from {{ ref('item_cf_weights') }}

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
        song_pairs.song_index,
        song_pairs.neighbor_index,
        -- few shared listeners are weak evidence
        round(
            song_pairs.similarity * song_pairs.shared_listeners
            / (song_pairs.shared_listeners + {{ var('item_shrinkage') }}),
            8
        ) as similarity
    from song_pairs
    inner join catalogue
        on song_pairs.neighbor_index = catalogue.song_index

)

select
    song_index,
    neighbor_index,
    similarity,
    cast(
        row_number() over (
            partition by song_index
            order by similarity desc, neighbor_index
        ) as integer
    ) as neighbor_rank
from shrunk
where similarity > 0
qualify neighbor_rank <= {{ var('neighbors_per_song') }}
