with

vector_totals as (

    select * from {{ ref('vector_totals') }}

),

with_older as (

    select
        *,
        sum(songs) over older as older_songs,
        sum(total) over older as older_total,
        sum(squares) over older as older_squares
    from vector_totals
    window
        older as (
            partition by vector_kind, place
            order by created_week
            rows between unbounded preceding and 1 preceding
        )

),

centroids as (

    select
        vector_kind,
        created_week,
        any_value(songs) as songs,
        cast(any_value(older_songs) as bigint) as older_songs,
        {{ list_in_order('cast(total / songs as double)', ['place']) }} as centroid,
        {{ list_in_order('cast(older_total / older_songs as double)', ['place']) }}
            as older_centroid,
        cast(sum(older_squares) as double) / any_value(older_songs) as mean_square
    from with_older
    where older_songs is not null
    group by vector_kind, created_week

),

products as (

    select
        *,
        {{ dot_product('centroid', 'older_centroid') }} as product,
        {{ dot_product('centroid', 'centroid') }} as centroid_square,
        {{ dot_product('older_centroid', 'older_centroid') }} as older_square
    from centroids

)

select
    vector_kind,
    created_week,
    songs,
    older_songs,
    round(1 - product / nullif(sqrt(centroid_square * older_square), 0), 6)
        as cosine_distance,
    -- the centroid of n songs drawn from the older ones has on average the square
    -- older_square + (mean_square - older_square) / n
    round(
        1 - sqrt(
            older_square
            / nullif(older_square + (mean_square - older_square) / songs, 0)
        ),
        6
    ) as distance_by_chance
from products
