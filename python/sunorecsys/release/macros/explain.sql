-- explain(user_id, song_id): where the score of a song comes from for a listener, for
-- any song: one row per channel and song of the listener that gave something, and one
-- for quality. The contributions add up to the blended score. A channel counts if it
-- proposed the song, that is if the song is among the channel's best for the listener.
create or replace macro explain(user_id, song_id) as table
with
asked as (
    select
        listeners.user_id as asked_user,
        songs.song_id as asked_song,
        songs.quality_score,
        listeners.history_stage
    from listeners
    cross join songs
    where listeners.user_id = user_id and songs.song_id = song_id
),
weights as (
    select
        channel_weights.channel,
        channel_weights.weight
    from channel_weights
    inner join asked
        on channel_weights.history_stage = asked.history_stage
    inner join build_settings
        on channel_weights.variant = build_settings.variant
),
neighbor_amounts as (
    select
        similar_songs.channel,
        similar_songs.song_id as seed_song_id,
        similar_songs.similarity as amount
    from asked
    cross join build_settings
    inner join listening_history
        on asked.asked_user = listening_history.user_id
    inner join similar_songs
        on
            listening_history.song_id = similar_songs.song_id
            and asked.asked_song = similar_songs.similar_song_id
            and similar_songs.similarity_rank <= build_settings.top_k_per_seed
    where similar_songs.channel in ('item_cf', 'content', 'prompt')
),
heard as (
    select
        user_songs.song_id,
        als_gram.alpha * user_songs.weight as confidence
    from asked
    cross join als_gram
    inner join user_songs
        on asked.asked_user = user_songs.user_id
    where user_songs.weight > 0 and not user_songs.is_disliked
),
-- A⁻¹ y of the asked song: a heard song gives its confidence times its dot product
solved as (
    select als_solve.solution
    from als_solve(
        (
            select list({'song_id': heard.song_id, 'confidence': heard.confidence})
            from heard
        ),
        (
            select cast(song_factors.factors as double[])
            from song_factors
            inner join asked on song_factors.song_id = asked.asked_song
        )
    ) as als_solve
),
als_amounts as (
    select
        'user_cf' as channel,
        heard.song_id as seed_song_id,
        heard.confidence * list_dot_product(
            solved.solution, cast(song_factors.factors as double[])
        ) as amount
    from heard
    cross join solved
    inner join song_factors on heard.song_id = song_factors.song_id
),
amounts as (
    select * from neighbor_amounts
    union all
    select * from als_amounts
),
channel_totals as (
    select
        amounts.channel,
        sum(amounts.amount) as channel_total
    from amounts
    group by amounts.channel
),
proposals as (
    select
        channel_totals.channel,
        channel_scales.highest_score
    from channel_totals
    cross join asked
    inner join channel_scales
        on
            asked.asked_user = channel_scales.user_id
            and channel_totals.channel = channel_scales.channel
    left join recommendations
        on
            asked.asked_user = recommendations.user_id
            and asked.asked_song = recommendations.song_id
    where
        channel_totals.channel_total > 0
        and case
            when recommendations.song_id is null
                then channel_totals.channel_total >= channel_scales.lowest_score
            else case channel_totals.channel
                when 'item_cf' then recommendations.item_cf_score
                when 'content' then recommendations.content_score
                when 'prompt' then recommendations.prompt_score
                else recommendations.user_cf_score
            end > 0
        end
),
contributions as (
    select
        amounts.channel,
        amounts.seed_song_id,
        weights.weight * amounts.amount / proposals.highest_score as contribution
    from amounts
    inner join proposals on amounts.channel = proposals.channel
    inner join weights on amounts.channel = weights.channel
    union all
    select
        'quality' as channel,
        null as seed_song_id,
        weights.weight * asked.quality_score as contribution
    from asked
    inner join weights on weights.channel = 'quality'
)
select
    contributions.channel,
    contributions.seed_song_id,
    songs.title as seed_title,
    contributions.contribution
from contributions
left join songs on contributions.seed_song_id = songs.song_id
order by contributions.contribution desc, contributions.channel, contributions.seed_song_id;
