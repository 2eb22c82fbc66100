with

listener_recommendations as (

    select
        user_index,
        song_index,
        primary_channel
    from {{ ref('listener_recommendations') }}

),

top_contributions as (

    select
        user_index,
        song_index,
        channel as primary_channel,
        seed_index,
        contribution_rank
    from {{ ref('top_contributions') }}
    where seed_index is not null and contribution_rank <= 2 and contribution > 0

),

catalogue as (

    select
        song_index,
        song_id,
        -- titles come from strangers: one line, and not too long
        trim({{ replace_all('title', '[\\pZ\\p{Cc}]+', ' ') }}) as title
    from {{ ref('catalogue') }}

),

short_titles as (

    select
        song_index,
        song_id,
        case
            when length(title) > 60 then left(title, 59) || '…'
            else title
        end as title
    from catalogue

),

prompt_words as (

    select * from {{ ref('prompt_words') }}

),

-- the seed songs of the channel that gave most
seed_titles as (

    select
        top_contributions.user_index,
        top_contributions.song_index,
        {{ list_in_order(
            'short_titles.title', ['top_contributions.contribution_rank']
        ) }} as titles
    from listener_recommendations
    inner join top_contributions using (user_index, song_index, primary_channel)
    inner join short_titles
        on top_contributions.seed_index = short_titles.song_index
    group by top_contributions.user_index, top_contributions.song_index

),

shared_words as (

    select
        top_contributions.user_index,
        top_contributions.song_index,
        song_words.word,
        min(song_words.songs_with_word) as songs_with_word
    from top_contributions
    inner join short_titles as song
        on top_contributions.song_index = song.song_index
    inner join short_titles as seed
        on top_contributions.seed_index = seed.song_index
    inner join prompt_words as song_words
        on song.song_id = song_words.song_id
    inner join prompt_words as seed_words
        on
            seed.song_id = seed_words.song_id
            and song_words.word = seed_words.word
    where top_contributions.primary_channel = 'prompt'
    group by
        top_contributions.user_index,
        top_contributions.song_index,
        song_words.word

),

telling_words as (

    select *
    from shared_words
    qualify
        row_number() over (
            partition by user_index, song_index
            order by songs_with_word, word
        ) <= 3

),

word_lists as (

    select
        user_index,
        song_index,
        {{ list_text(list_in_order('word', ['songs_with_word', 'word']), ', ') }}
            as words
    from telling_words
    group by user_index, song_index

)

select
    listener_recommendations.user_index,
    listener_recommendations.song_index,
    -- songs behind the playlist have no stored reasons, and so no seed songs to name
    case listener_recommendations.primary_channel
        when 'item_cf'
            then coalesce(
                    'Because you played '
                    || {{ list_text('seed_titles.titles', ' and ') }},
                    'Played by the listeners of your songs'
                )
        when 'content'
            then coalesce(
                    'Sounds like ' || {{ list_text('seed_titles.titles', ' and ') }},
                    'Sounds like songs you played'
                )
        when 'prompt'
            then coalesce(
                    'Your prompt words: ' || word_lists.words,
                    'Written like ' || {{ list_text('seed_titles.titles', ' and ') }},
                    'Written like songs you played'
                )
        when 'user_cf'
            then coalesce(
                    'Listeners like you play it along with '
                    || {{ list_first('seed_titles.titles') }},
                    'Listeners like you play it'
                )
        when 'quality' then 'Well received by its listeners'
        else 'Popular with everyone right now'
    end as reason
from listener_recommendations
left join seed_titles using (user_index, song_index)
left join word_lists using (user_index, song_index)
