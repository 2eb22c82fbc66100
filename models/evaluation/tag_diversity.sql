with

ranked_lists as (

    select * from {{ ref('ranked_lists') }}
    -- pairs grow with the square of it
    where list_rank <= {{ var('tag_diversity_depth') }}

),

song_traits as (

    select
        song_index,
        tag_hashes
    from {{ ref('song_traits') }}
    where {{ list_length('tag_hashes') }} > 0

),

depths as (

    select k from {{ value_rows(var('evaluation_depths'), 'k') }}

),

tagged as (

    select
        ranked_lists.recommender,
        ranked_lists.listener_index,
        ranked_lists.list_rank,
        song_traits.tag_hashes
    from ranked_lists
    inner join song_traits using (song_index)

),

pairs as (

    select
        tagged.recommender,
        tagged.listener_index,
        tagged.list_rank,
        {{ list_length('array_intersect(tagged.tag_hashes, earlier.tag_hashes)') }}
            as shared,
        {{ list_length('tagged.tag_hashes') }}
        + {{ list_length('earlier.tag_hashes') }}
        - shared as either
    from tagged
    inner join tagged as earlier
        on
            tagged.recommender = earlier.recommender
            and tagged.listener_index = earlier.listener_index
            and tagged.list_rank > earlier.list_rank

)

select
    pairs.recommender,
    pairs.listener_index,
    depths.k,
    -- Jaccard; decimals, because parallel sums of doubles differ from run to run
    1 - cast(avg(cast(pairs.shared / pairs.either as decimal(18, 12))) as double)
        as tag_diversity
from pairs
inner join depths
    on pairs.list_rank <= depths.k
where depths.k <= {{ var('tag_diversity_depth') }}
group by pairs.recommender, pairs.listener_index, depths.k
