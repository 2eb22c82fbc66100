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
        songs.song_id,
        tag_list.tag,
        tag_list.tag_position
    from songs
    cross join unnest(songs.tags) with ordinality as tag_list (tag, tag_position)

),

distinct_tags as (

    select distinct
        tag,
        -- "hip-hop/rap" and "hip hop, rap" hold the same words
        ' ' || regexp_replace(tag, '[^\pL\pN]+', ' ', 'g') || ' ' as words
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

)

select
    song_tags.song_id,
    tag_genres.genre
from song_tags
inner join tag_genres using (tag)
group by song_tags.song_id, tag_genres.genre
qualify
    row_number() over (
        partition by song_tags.song_id
        order by count(*) desc, min(song_tags.tag_position), tag_genres.genre
    ) = 1
