with

songs as (

    select
        song_id,
        tags
    from {{ ref('stg_songs') }}

),

genres as (

    select
        keyword,
        genre
    from {{ ref('genres') }}

),

song_tags as (

    select
        song_id,
        {{ unnest_places('tags', 'tag', 'tag_position') }}
    from songs

),

distinct_tags as (

    select distinct
        tag,
        -- "hip-hop/rap" and "hip hop, rap" hold the same words
        ' ' || {{ replace_all('tag', '[^\\pL\\pN]+', ' ') }} || ' ' as words
    from song_tags

),

-- "pop punk" is punk, not pop: the longest keyword in a tag names it
tag_genres as (

    select
        distinct_tags.tag,
        genres.genre
    from distinct_tags
    inner join genres
        on contains(distinct_tags.words, ' ' || genres.keyword || ' ')
    qualify
        row_number() over (
            partition by distinct_tags.tag
            order by length(genres.keyword) desc, genres.keyword
        ) = 1

),

genre_counts as (

    select
        song_tags.song_id,
        tag_genres.genre,
        count(*) as tags,
        min(song_tags.tag_position) as first_position
    from song_tags
    inner join tag_genres using (tag)
    group by song_tags.song_id, tag_genres.genre

)

select
    song_id,
    genre
from genre_counts
qualify
    row_number() over (
        partition by song_id
        order by tags desc, first_position, genre
    ) = 1
