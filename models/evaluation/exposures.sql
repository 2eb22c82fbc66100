with

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

catalogue as (

    select
        song_index,
        creator_index
    from {{ ref('catalogue') }}

),

depths as (

    select k from {{ value_rows(var('evaluation_depths'), 'k') }}

),

song_exposures as (

    select
        ranked_lists.recommender,
        depths.k,
        ranked_lists.song_index,
        count(*) as exposure
    from ranked_lists
    inner join depths
        on ranked_lists.list_rank <= depths.k
    group by ranked_lists.recommender, depths.k, ranked_lists.song_index

),

exposures as (

    select
        recommender,
        k,
        'song' as exposed,
        song_index as exposed_index,
        exposure
    from song_exposures
    union all
    select
        song_exposures.recommender,
        song_exposures.k,
        'creator' as exposed,
        catalogue.creator_index as exposed_index,
        cast(sum(song_exposures.exposure) as bigint) as exposure
    from song_exposures
    inner join catalogue using (song_index)
    group by song_exposures.recommender, song_exposures.k, catalogue.creator_index

)

select
    *,
    row_number() over (
        partition by recommender, k, exposed
        order by exposure desc, exposed_index
    ) as exposure_rank
from exposures
