-- explain_after(user_id, song_id, played, left_out): where the score of a song comes
-- from for a listener after what has happened since the release, for any song: one row
-- per channel and seed song that gave something, and one for quality. The contributions
-- add up to the blended score that recommend_after gives with the same arguments. A
-- channel counts if it proposes the song, that is if the song is among the channel's
-- best for the listener. No rows: unknown song, or a listener of whom nothing is known.
create or replace macro explain_after(user_id, song_id, played, left_out) as table
with
seeds as materialized (
    from listener_seeds(user_id, played, left_out)
),
asked as (
    select
        songs.song_index,
        songs.quality_score,
        case
            when seed_count.songs = 0 then 'new'
            when seed_count.songs < 5 then 'light'
            else 'regular'
        end as history_stage
    from songs
    cross join (select count(*) as songs from seeds) as seed_count
    where
        songs.song_id = song_id
        and (
            seed_count.songs > 0
            or exists (from listeners where listeners.user_id = user_id)
        )
),
weights as (
    select
        channel_weights.channel,
        channel_weights.weight
    from build_settings
    left join listeners on listeners.user_id = user_id
    inner join channel_weights
        on
            coalesce(listeners.variant, build_settings.variant)
            = channel_weights.variant
    inner join asked
        on channel_weights.history_stage = asked.history_stage
),
-- A⁻¹ y of the asked song: a heard song gives its confidence times its dot product
solved as (
    select als_solve.solution
    from als_solve(
        (
            select
                list(
                    {
                        'song_index': seeds.song_index,
                        'confidence': als_gram.alpha * seeds.weight
                    }
                )
            from seeds
            cross join als_gram
        ),
        (
            select cast(song_factors.factors as double[])
            from song_factors
            inner join asked on song_factors.song_index = asked.song_index
        )
    ) as als_solve
),
amounts as (
    select
        similar_songs.channel,
        seeds.song_index as seed_index,
        similar_songs.similarity as amount
    from asked
    cross join build_settings
    inner join seeds on seeds.seed_rank <= build_settings.last_n
    inner join similar_songs
        on
            seeds.song_index = similar_songs.song_index
            and asked.song_index = similar_songs.similar_song_index
            and similar_songs.similarity_rank <= build_settings.top_k_per_seed
    where similar_songs.channel in ('item_cf', 'content', 'prompt')
    union all
    select
        'user_cf' as channel,
        seeds.song_index as seed_index,
        als_gram.alpha * seeds.weight * list_dot_product(
            solved.solution, cast(song_factors.factors as double[])
        ) as amount
    from seeds
    cross join als_gram
    cross join solved
    inner join song_factors on seeds.song_index = song_factors.song_index
),
proposals as (
    select
        candidates.channel,
        max(candidates.channel_score) as highest_score
    from listener_candidates(user_id, played, left_out, 0) as candidates
    cross join asked
    group by candidates.channel
    having bool_or(candidates.song_index = asked.song_index)
),
contributions as (
    select
        amounts.channel,
        amounts.seed_index,
        weights.weight * amounts.amount / proposals.highest_score as contribution
    from amounts
    inner join proposals on amounts.channel = proposals.channel
    inner join weights on amounts.channel = weights.channel
    union all
    select
        'quality' as channel,
        null as seed_index,
        weights.weight * asked.quality_score as contribution
    from asked
    inner join weights on weights.channel = 'quality'
)
select
    contributions.channel,
    songs.song_id as seed_song_id,
    songs.title as seed_title,
    contributions.contribution
from contributions
left join songs on contributions.seed_index = songs.song_index
order by
    contributions.contribution desc, contributions.channel, contributions.seed_index;
