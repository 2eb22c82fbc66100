with

catalogue as (

    select
        song_index,
        tags
    from {{ ref('catalogue') }}

),

matrix_size as (

    select count(*) as row_count from {{ ref('matrix_users') }}

),

song_tags as (

    select
        song_index,
        {{ unnest_list('tags') }} as tag
    from catalogue
    where {{ var('tag_weight') }} > 0

),

tag_counts as (

    select
        tag,
        count(*) as song_count
    from song_tags
    group by tag

),

-- a tag of few songs says little, and each is a row of the matrix
frequent_tags as (

    select *
    from tag_counts
    where song_count between
        {{ var('min_songs_per_tag') }} and (select count(*) from catalogue) - 1
    qualify
        row_number() over (order by song_count desc, tag) <= {{ var('max_tags') }}

),

weighted_tags as (

    select
        tag,
        row_number() over (order by tag) - 1 as tag_index,
        -- a rare tag says more: the weight is a share of what one of a single song has
        round(
            {{ var('tag_weight') }}
            * (1 - ln(song_count) / ln((select count(*) from catalogue))),
            6
        ) as weight
    from frequent_tags

)

select
    cast(matrix_size.row_count + weighted_tags.tag_index as integer) as user_index,
    song_tags.song_index,
    weighted_tags.weight
from song_tags
inner join weighted_tags using (tag)
cross join matrix_size
