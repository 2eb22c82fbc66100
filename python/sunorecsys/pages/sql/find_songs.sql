-- Songs that hold some words, in any case: a word of the title counts most, then one of
-- a tag or of the creator, then one of the prompt. One row per song, the best first.
-- $1: words in lower case; $2: how many.
with
texts as (
    select
        song_id,
        lower(title) as title,
        lower(coalesce(creator_name, '')) as creator_name,
        lower(concat_ws(' ', genre, array_to_string(tags, ' '))) as tags,
        lower(prompt) as prompt,
        popularity_score
    from songs
    where not is_hidden
),

words as (
    select unnest($1::varchar[]) as word
),

scores as (
    select
        texts.song_id,
        count(*) as words_found,
        sum(
            case
                when contains(texts.title, words.word) then 4
                when contains(texts.tags, words.word) then 2
                when contains(texts.creator_name, words.word) then 2
                else 1
            end
        ) as score,
        any_value(texts.popularity_score) as popularity_score
    from texts
    inner join words
        on
            contains(texts.title, words.word)
            or contains(texts.tags, words.word)
            or contains(texts.creator_name, words.word)
            or contains(texts.prompt, words.word)
    group by texts.song_id
)

select song_id
from scores
order by words_found desc, score desc, popularity_score desc, song_id
limit $2
