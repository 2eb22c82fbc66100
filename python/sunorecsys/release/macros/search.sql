-- search(words, n := 30): songs that hold the words in their title, tags, genre, creator
-- or prompt, or words that begin like them, the best first; at most 32 words count.
-- No rows: no song holds any.
create or replace macro search(words, n := 30) as table
with
texts as (
    select left(words, 1000) as text, null as creator_name
    union all
    select distinct songs.creator_name, songs.creator_name
    from songs
    where songs.creator_name is not null and not songs.is_hidden
),

-- as the build splits texts
split as (
    select
        texts.creator_name,
        list_transform(
            regexp_extract_all(
                regexp_replace(
                    strip_accents(lower(texts.text)),
                    '([\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}])',
                    ' \1 ',
                    'g'
                ),
                '[\pL\pN\pM]+'
            ),
            lambda word: regexp_replace(word[:64], '^(.{2,}[^su])s$', '\1')
        ) as text_words
    from texts
),

asked as (
    select unnest(list_distinct(split.text_words)[:32]) as word
    from split
    where split.creator_name is null
),

names as (
    select split.creator_name, unnest(split.text_words) as term
    from split
    where split.creator_name is not null
),

-- the word itself, or what it begins
meant as (
    select
        asked.word,
        search_terms.term_index,
        -- DuckDB 1.4 has no if()
        case when search_terms.term = asked.word then 1 else 0.5 end as share
    from asked
    inner join search_terms
        on
            search_terms.term = asked.word
            or (
                length(asked.word) >= 2
                and starts_with(search_terms.term, asked.word)
            )
),

meant_names as (
    select
        asked.word,
        names.creator_name,
        max(case when names.term = asked.word then 1 else 0.5 end) as share
    from asked
    inner join names
        on
            names.term = asked.word
            or (length(asked.word) >= 2 and starts_with(names.term, asked.word))
    group by asked.word, names.creator_name
),

-- a name weighs like a tag that only the songs of such creators have
named as (
    select
        songs.song_index,
        meant_names.word,
        meant_names.share * round(
            1.7 * ln(
                1
                + (
                    (select count(*) from songs)
                    - count(*) over (partition by meant_names.word)
                    + 0.5
                ) / (count(*) over (partition by meant_names.word) + 0.5)
            ),
            6
        ) as word_score
    from meant_names
    inner join songs on meant_names.creator_name = songs.creator_name
),

found as (
    select
        song_terms.song_index,
        meant.word,
        meant.share * song_terms.term_weight as word_score
    from meant
    inner join song_terms on meant.term_index = song_terms.term_index
    union all
    select named.song_index, named.word, named.word_score
    from named
),

best as (
    select found.song_index, found.word, max(found.word_score) as word_score
    from found
    group by found.song_index, found.word
),

scored as (
    select
        best.song_index,
        -- the same sum in any order
        cast(sum(cast(best.word_score as decimal(18, 6))) as double) as score
    from best
    group by best.song_index
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
