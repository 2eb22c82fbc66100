-- depends_on: {{ ref('item_cf_cost') }}, which stops what does not fit
with

interaction_matrix as (

    select * from {{ ref('interaction_matrix') }}
    where '{{ var("item_similarity") }}' != 'ease'

),

catalogue as (

    select count(*) as song_count from {{ ref('catalogue') }}

),

-- pairs grow with the square of a listener's songs, so both sides are capped
capped_by_listener as (

    select *
    from interaction_matrix
    qualify
        row_number() over (
            partition by user_index
            order by weight desc, song_index
        ) <= {{ var('max_songs_per_listener') }}

),

capped as (

    select *
    from capped_by_listener
    qualify
        row_number() over (
            partition by song_index
            order by weight desc, user_index
        ) <= {{ var('max_listeners_per_song') }}

),

listener_totals as (

    select
        user_index,
        count(*) as song_count,
        cast(sum(cast(weight as decimal(18, 4))) as double) as listener_weight
    from capped
    group by user_index

),

weighted as (

    select
        capped.user_index,
        capped.song_index,
        listener_totals.listener_weight,
        {{ item_similarity_weight() }} as weight
    from capped
    inner join listener_totals using (user_index)
    cross join catalogue

),

song_totals as (

    select
        song_index,
        cast(sum(cast(weight as decimal(18, 4))) as double) as song_weight,
        sqrt(cast(sum(cast(weight * weight as decimal(18, 8))) as double)) as song_norm
    from weighted
    group by song_index

),

-- a similarity is a sum over shared listeners of seed_share x neighbor_share
shares as (

    select
        weighted.user_index,
        weighted.song_index,
        {{ item_similarity_shares() }}
    from weighted
    inner join song_totals using (song_index)

)

select
    user_index,
    song_index,
    -- whole billionths, because sums of integers are the same in any order
    cast(round(seed_share * 1e9) as bigint) as seed_share,
    cast(round(neighbor_share * 1e9) as bigint) as neighbor_share
from shares
