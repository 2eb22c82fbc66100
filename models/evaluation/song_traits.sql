with

catalogue as (

    select
        song_index,
        song_id,
        tags
    from {{ ref('catalogue') }}

),

song_genres as (

    select * from {{ ref('song_genres') }}

),

listener_matrix as (

    select
        user_index,
        song_index
    from {{ ref('listener_matrix') }}

),

-- nothing to evaluate, nothing to do
evaluation as (

    select count(*) as held_out from {{ ref('held_out_songs') }}
    having count(*) > 0

),

listener_total as (

    select count(distinct user_index) as listeners from listener_matrix

),

listener_counts as (

    select
        song_index,
        count(*) as listeners
    from listener_matrix
    group by song_index

),

counted as (

    select
        catalogue.song_index,
        song_genres.genre,
        -- numbers compare faster than texts
        {{ list_map('catalogue.tags', 'tag', text_number('tag', 15)) }} as tag_hashes,
        coalesce(listener_counts.listeners, 0) as listener_count
    from catalogue
    cross join evaluation
    left join song_genres using (song_id)
    left join listener_counts using (song_index)

)

select
    counted.song_index,
    counted.genre,
    counted.tag_hashes,
    -- a song that nobody heard counts as if one listener had
    -log2(
        greatest(counted.listener_count, 1) / greatest(listener_total.listeners, 1)
    ) as self_information,
    {{ mid_rank_percentile('counted.listener_count') }} as popularity_percentile
from counted
cross join listener_total
