with

song_words as (

    select * from {{ ref('song_words') }}

),

songs as (

    select
        song_index,
        sum(term_count) as song_length
    from song_words
    group by song_index

),

lengths as (

    select
        count(*) as songs,
        sum(song_length) / count(*) as mean_length
    from songs

),

terms as (

    select
        term,
        count(*) as song_count
    from song_words
    group by term

),

-- BM25 (Robertson and Zaragoza 2009) with its usual k1 = 1.2, and half of the
-- correction for length: a song does not say less for having many verses
weighted as (

    select
        song_words.term,
        song_words.song_index,
        round(
            ln(1 + (lengths.songs - terms.song_count + 0.5) / (terms.song_count + 0.5))
            * 2.2 * song_words.term_count / (
                song_words.term_count
                + 1.2 * (0.5 + 0.5 * songs.song_length / lengths.mean_length)
            ),
            6
        ) as term_weight
    from song_words
    inner join terms using (term)
    inner join songs using (song_index)
    cross join lengths

)

select
    term,
    song_index,
    term_weight
from weighted
qualify
    row_number() over (
        partition by song_index
        order by term_weight desc, term
    ) <= {{ var('search_terms_per_song') }}
