-- recommend_from(song_ids, n := 30): a list from seed songs alone, through all
-- channels, as for a listener who had played each of them once. ALS is folded in by an
-- exact solve. Unknown songs are left out; an empty list gives popular, varied songs.
create or replace macro recommend_from(song_ids, n := 30) as table
with
seeds as (
    select distinct songs.song_id
    from unnest(cast(song_ids as varchar[])) as asked(song_id)
    inner join songs on songs.song_id = asked.song_id
),
weights as (
    select
        channel_weights.channel,
        channel_weights.weight
    from channel_weights
    inner join build_settings
        on channel_weights.variant = build_settings.variant
    where
        channel_weights.history_stage
        = (select case when count(*) < 5 then 'light' else 'regular' end from seeds)
),
seed_factors as (
    select
        als_gram.alpha,
        song_factors.factors
    from seeds
    inner join song_factors on seeds.song_id = song_factors.song_id
    cross join als_gram
),
-- zeros without seeds, so that ALS then gives nothing
right_side as (
    select list(summed.right_value order by summed.place) as right_values
    from (
        select
            places.place,
            coalesce(
                sum(
                    seed_factors.alpha
                    * cast(seed_factors.factors[places.place] as double)
                ),
                0
            ) as right_value
        from als_gram
        cross join unnest(generate_series(1, len(als_gram.gram))) as places(place)
        left join seed_factors on true
        group by places.place
    ) as summed
),
solved as (
    select als_solve.solution
    from als_solve(
        (
            select list({'song_id': seeds.song_id, 'confidence': als_gram.alpha})
            from seeds
            cross join als_gram
        ),
        (select right_side.right_values from right_side)
    ) as als_solve
),
neighbor_amounts as (
    select
        similar_songs.channel,
        similar_songs.song_id as seed_song_id,
        similar_songs.similar_song_id as song_id,
        similar_songs.similarity as amount
    from seeds
    cross join build_settings
    inner join similar_songs
        on
            seeds.song_id = similar_songs.song_id
            and similar_songs.similarity_rank <= build_settings.top_k_per_seed
    where similar_songs.channel in ('item_cf', 'content', 'prompt')
),
channel_scores as (
    select
        neighbor_amounts.channel,
        neighbor_amounts.song_id,
        sum(neighbor_amounts.amount) as channel_score
    from neighbor_amounts
    group by neighbor_amounts.channel, neighbor_amounts.song_id
    union all
    select
        'user_cf' as channel,
        song_factors.song_id,
        list_dot_product(solved.solution, cast(song_factors.factors as double[]))
            as channel_score
    from solved
    cross join song_factors
),
candidates as (
    select
        channel_scores.channel,
        channel_scores.song_id,
        channel_scores.channel_score
    from channel_scores
    inner join songs on channel_scores.song_id = songs.song_id
    anti join seeds on channel_scores.song_id = seeds.song_id
    where channel_scores.channel_score > 0 and not songs.is_hidden
    qualify
        row_number() over (
            partition by channel_scores.channel
            order by channel_scores.channel_score desc, channel_scores.song_id
        ) <= (select build_settings.candidates_per_channel from build_settings)
),
weighted as (
    select
        candidates.channel,
        candidates.song_id,
        weights.weight * candidates.channel_score
        / max(candidates.channel_score) over (partition by candidates.channel)
            as weighted_score
    from candidates
    inner join weights on candidates.channel = weights.channel
),
side_by_side as (
    select
        weighted.song_id,
        coalesce(max(weighted.weighted_score) filter (weighted.channel = 'item_cf'), 0)
            as item_cf_score,
        coalesce(max(weighted.weighted_score) filter (weighted.channel = 'content'), 0)
            as content_score,
        coalesce(max(weighted.weighted_score) filter (weighted.channel = 'prompt'), 0)
            as prompt_score,
        coalesce(max(weighted.weighted_score) filter (weighted.channel = 'user_cf'), 0)
            as user_cf_score
    from weighted
    group by weighted.song_id
),
everything as (
    select
        popular_songs.song_id,
        popular_songs.popularity_rank,
        coalesce(side_by_side.item_cf_score, 0) as item_cf_score,
        coalesce(side_by_side.content_score, 0) as content_score,
        coalesce(side_by_side.prompt_score, 0) as prompt_score,
        coalesce(side_by_side.user_cf_score, 0) as user_cf_score,
        weights.weight * songs.quality_score as quality_score,
        side_by_side.song_id is null as is_fill,
        coalesce(songs.play_count, 0) >= build_settings.min_plays_for_quality
        and songs.quality_score < build_settings.quality_threshold as is_poor,
        songs.title,
        songs.creator_name,
        coalesce(songs.creator_id, songs.song_id) as creator_id,
        songs.genre,
        build_settings.max_per_creator
    from popular_songs
    inner join songs on popular_songs.song_id = songs.song_id
    cross join build_settings
    inner join weights on weights.channel = 'quality'
    left join side_by_side on popular_songs.song_id = side_by_side.song_id
    where popular_songs.song_id not in (select seeds.song_id from seeds)
),
one_version as (
    select
        *,
        item_cf_score + content_score + prompt_score + user_cf_score + quality_score
            as blended_score
    from everything
    qualify
        row_number() over (
            partition by creator_id, lower(trim(title))
            order by is_poor, is_fill, blended_score desc, song_id
        ) = 1
),
relaxed as (
    select
        *,
        row_number() over (
            partition by creator_id
            order by is_poor, is_fill, blended_score desc, song_id
        ) > max_per_creator as is_over_creator_cap
    from one_version
),
ranked as (
    select
        *,
        row_number() over (
            order by
                is_fill,
                is_poor,
                is_over_creator_cap,
                case when is_fill then popularity_rank end,
                blended_score desc,
                song_id
        ) as recommendation_rank,
        case
            when is_fill then 'popularity'
            else case
                greatest(item_cf_score, content_score, prompt_score, user_cf_score)
                when item_cf_score then 'item_cf'
                when user_cf_score then 'user_cf'
                when prompt_score then 'prompt'
                else 'content'
            end
        end as primary_channel
    from relaxed
),
named_seeds as (
    select
        ranked.song_id,
        array_to_string(
            list_slice(
                list(
                    songs.title
                    order by neighbor_amounts.amount desc, neighbor_amounts.seed_song_id
                ),
                1,
                2
            ),
            ' and '
        ) as titles
    from ranked
    inner join neighbor_amounts
        on
            ranked.song_id = neighbor_amounts.song_id
            and ranked.primary_channel = neighbor_amounts.channel
    inner join songs on neighbor_amounts.seed_song_id = songs.song_id
    group by ranked.song_id
)
select
    ranked.recommendation_rank,
    ranked.song_id,
    ranked.title,
    ranked.creator_name,
    ranked.genre,
    ranked.blended_score,
    ranked.item_cf_score,
    ranked.content_score,
    ranked.prompt_score,
    ranked.user_cf_score,
    ranked.quality_score,
    ranked.primary_channel,
    case ranked.primary_channel
        when 'item_cf' then 'Because you picked ' || named_seeds.titles
        when 'content' then 'Sounds like ' || named_seeds.titles
        when 'prompt' then 'Written like ' || named_seeds.titles
        when 'user_cf' then 'Listeners who play your songs play it'
        else 'Popular with everyone right now'
    end as reason
from ranked
left join named_seeds on ranked.song_id = named_seeds.song_id
where ranked.recommendation_rank <= n
order by ranked.recommendation_rank;
