-- listener_candidates(user_id, played, left_out, fill): what each channel proposes to a
-- listener after what has happened since the release, as a build would: the best
-- unheard songs of a channel, their scores as shares of the best one, the two seed songs
-- that gave most, and how many songs all this rests on. The channel popularity
-- proposes what fills a list of `fill` songs; its scores only order them. One row per
-- channel and song.
--
-- The other arguments are those of listener_seeds; what is played or left out is never
-- proposed.
create or replace macro listener_candidates(user_id, played, left_out, fill) as table
with
seeds as materialized (
    from listener_seeds(user_id, played, left_out)
),
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
        cast([] as double[])
    ) as als_solve
),
hidden as (
    select songs.song_index from songs where songs.is_hidden
),
excluded as (
    select seeds.song_index from seeds
    union all
    select user_songs.song_index
    from listeners
    inner join user_songs on listeners.user_index = user_songs.user_index
    where listeners.user_id = user_id
    union all
    select songs.song_index
    from songs
    where
        songs.creator_id = user_id
        or list_contains(cast(left_out as varchar[]), songs.song_id)
),
neighbor_scores as (
    select
        similar_songs.channel,
        similar_songs.similar_song_index as song_index,
        cast(sum(cast(similar_songs.similarity as decimal(18, 8))) as double)
            as channel_score,
        list(
            similar_songs.song_index
            order by similar_songs.similarity desc, similar_songs.song_index
        ) filter (similar_songs.similarity > 0)[:2] as best_seeds
    from seeds
    cross join build_settings
    inner join similar_songs on seeds.song_index = similar_songs.song_index
    where
        seeds.seed_rank <= build_settings.last_n
        and similar_songs.similarity_rank <= build_settings.top_k_per_seed
        and similar_songs.channel in ('item_cf', 'content', 'prompt')
    group by similar_songs.channel, similar_songs.similar_song_index
),
factor_scores as (
    select
        song_factors.song_index,
        list_dot_product(solved.solution, cast(song_factors.factors as double[]))
            as channel_score
    from solved
    cross join song_factors
    anti join excluded on song_factors.song_index = excluded.song_index
    anti join hidden on song_factors.song_index = hidden.song_index
),
candidates as materialized (
    (
        select
            neighbor_scores.channel,
            neighbor_scores.song_index,
            neighbor_scores.channel_score,
            neighbor_scores.best_seeds
        from neighbor_scores
        anti join excluded on neighbor_scores.song_index = excluded.song_index
        qualify
            row_number() over (
                partition by neighbor_scores.channel
                order by neighbor_scores.channel_score desc, neighbor_scores.song_index
            ) <= (select build_settings.candidates_per_channel from build_settings)
    )
    union all
    (
        select
            'user_cf' as channel,
            factor_scores.song_index,
            factor_scores.channel_score,
            [] as best_seeds
        from factor_scores
        where factor_scores.channel_score > 0
        order by factor_scores.channel_score desc, factor_scores.song_index
        limit (select build_settings.candidates_per_channel from build_settings)
    )
)
select
    candidates.channel,
    candidates.song_index,
    candidates.channel_score,
    candidates.channel_score
    / max(candidates.channel_score) over (partition by candidates.channel)
        as normalized_score,
    candidates.best_seeds,
    (select count(*) from seeds) as song_count
from candidates
union all
-- every song that is out or proposed takes one version with it at most, so that looking
-- this deep finds all that are missing
select
    'popularity' as channel,
    popular_songs.song_index,
    1 / popular_songs.variety_rank as channel_score,
    0 as normalized_score,
    [] as best_seeds,
    (select count(*) from seeds) as song_count
from popular_songs
anti join excluded on popular_songs.song_index = excluded.song_index
where
    popular_songs.version_rank
    <= fill
    + (select count(*) from candidates)
    + (select count(*) from excluded);
