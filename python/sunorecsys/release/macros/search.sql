-- search(words, n := 30): songs that hold the words in their title, tags, genre, creator
-- or prompt, or words that begin like them, the best first; at most 32 words count.
-- No rows: no song holds any.
create or replace macro search(words, n := 30) as table
with
-- split as the build splits texts
split as (
    select
        list_transform(
            regexp_extract_all(
                regexp_replace(
                    strip_accents(lower(left(words, 1000))),
                    '([\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}])',
                    ' \1 ',
                    'g'
                ),
                '[\pL\pN\pM]+'
            ),
            lambda word: regexp_replace(word[:64], '^(.{2,}[^su])s$', '\1')
        ) as asked_words
),

asked as (
    select distinct unnest(list_distinct(split.asked_words)[:32]) as word
    from split
),

-- the word itself, or what it begins
meant as (
    select
        asked.word,
        search_terms.term_index,
        if(search_terms.term = asked.word, 1, 0.5) as share
    from asked
    inner join search_terms
        on
            search_terms.term = asked.word
            or (
                length(asked.word) >= 2
                and starts_with(search_terms.term, asked.word)
            )
),

found as (
    select
        song_terms.song_index,
        meant.word,
        max(meant.share * song_terms.term_weight) as word_score
    from meant
    inner join song_terms on meant.term_index = song_terms.term_index
    group by song_terms.song_index, meant.word
),

scored as (
    select
        found.song_index,
        -- the same sum in any order
        cast(sum(cast(found.word_score as decimal(18, 6))) as double) as score
    from found
    group by found.song_index
)

select
    row_number() over (
        order by scored.score desc, songs.popularity_score desc, songs.song_id
    ) as search_rank,
    songs.song_id,
    songs.title,
    songs.creator_name,
    songs.genre,
    scored.score
from scored
inner join songs on scored.song_index = songs.song_index
where not songs.is_hidden
qualify search_rank <= n
order by search_rank;
