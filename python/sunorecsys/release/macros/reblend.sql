-- reblend(user_id, item_cf := null, content := null, prompt := null, user_cf := null,
-- quality := null): the stored recommendations of a listener under other weights, with
-- the change of rank; rank_change is positive where a song rises. null: the weight of
-- the listener's variant. The scores are those that a build with these weights would
-- give; the songs are the stored ones, so a song that no stored weight brought up is
-- not found. Repeats and songs under the quality threshold stay behind, the caps per
-- creator and genre count anew, and songs that only fill the list stay last. No rows:
-- unknown listener. A weight below 0 or of 1e9 and more is an error, and so is NaN.
create or replace macro reblend(
    user_id,
    item_cf := null,
    content := null,
    prompt := null,
    user_cf := null,
    quality := null
) as table
with
asked_weights as (
    select
        asked.channel,
        -- NaN is greater than every number
        case
            when asked.weight >= 0 and asked.weight < 1e9 then asked.weight
            when asked.weight is not null
                then error(
                    'The weight of ' || asked.channel || ' is ' || asked.weight
                    || '; use a number of 0 or more, and less than 1e9.'
                )
        end as weight
    from (
        values
        ('item_cf', cast(item_cf as double)),
        ('content', cast(content as double)),
        ('prompt', cast(prompt as double)),
        ('user_cf', cast(user_cf as double)),
        ('quality', cast(quality as double))
    ) as asked(channel, weight)
),
weights as (
    select
        channel_weights.channel,
        coalesce(asked_weights.weight, channel_weights.weight) as weight,
        coalesce(asked_weights.weight != channel_weights.weight, false) as is_new
    from listeners
    inner join channel_weights
        on
            listeners.history_stage = channel_weights.history_stage
            and listeners.variant = channel_weights.variant
    inner join asked_weights on channel_weights.channel = asked_weights.channel
    where listeners.user_id = user_id
),
-- a stored score is rounded, and says nothing where its weight is 0
new_scores as (
    select
        candidates.song_index,
        map(
            list(candidates.channel),
            list(round(candidates.normalized_score * weights.weight, 9))
        ) as by_channel
    from listener_candidates(
        user_id,
        cast([] as struct(song_id varchar, weight double)[]),
        cast([] as varchar[]),
        0
    ) as candidates
    inner join weights on candidates.channel = weights.channel
    group by candidates.song_index
),
new_channels as (
    select
        coalesce(list(weights.channel) filter (weights.is_new), []) as channels,
        any_value(weights.weight) filter (weights.channel = 'quality')
            as quality_weight
    from weights
),
served as (
    select distinct discover_weekly.song_id
    from listeners
    inner join discover_weekly on listeners.user_index = discover_weekly.user_index
    cross join build_info
    cross join build_settings
    where
        listeners.user_id = user_id
        and discover_weekly.week_start < build_info.week_start
        and discover_weekly.week_start
        >= build_info.week_start - 7 * build_settings.repeat_after_weeks
),
stored as (
    select
        recommendations.recommendation_rank as previous_rank,
        songs.song_id,
        songs.song_index,
        songs.title,
        songs.creator_id,
        songs.creator_name,
        songs.genre,
        recommendations.primary_channel = 'popularity' as is_fill,
        coalesce(songs.play_count, 0) >= build_settings.min_plays_for_quality
        and songs.quality_score < build_settings.quality_threshold as is_poor,
        served.song_id is not null as is_repeat,
        case
            when list_contains(new_channels.channels, 'item_cf')
                then coalesce(new_scores.by_channel['item_cf'], 0)
            else recommendations.item_cf_score
        end as item_cf_score,
        case
            when list_contains(new_channels.channels, 'content')
                then coalesce(new_scores.by_channel['content'], 0)
            else recommendations.content_score
        end as content_score,
        case
            when list_contains(new_channels.channels, 'prompt')
                then coalesce(new_scores.by_channel['prompt'], 0)
            else recommendations.prompt_score
        end as prompt_score,
        case
            when list_contains(new_channels.channels, 'user_cf')
                then coalesce(new_scores.by_channel['user_cf'], 0)
            else recommendations.user_cf_score
        end as user_cf_score,
        round(songs.quality_score * new_channels.quality_weight, 9) as quality_score
    from listeners
    inner join recommendations on listeners.user_index = recommendations.user_index
    inner join songs on recommendations.song_id = songs.song_id
    cross join build_settings
    cross join new_channels
    left join new_scores on songs.song_index = new_scores.song_index
    left join served on songs.song_id = served.song_id
    where listeners.user_id = user_id
),
scored as (
    select
        stored.*,
        round(
            stored.item_cf_score
            + stored.content_score
            + stored.prompt_score
            + stored.user_cf_score
            + stored.quality_score,
            9
        ) as blended_score
    from stored
),
placed as (
    select
        scored.*,
        row_number() over (
            order by
                scored.is_fill,
                scored.is_poor,
                scored.is_repeat,
                scored.blended_score desc,
                scored.song_index
        ) as place
    from scored
),
counted as (
    select
        placed.*,
        not placed.is_fill
        and placed.creator_id is not null
        and row_number() over (partition by placed.creator_id order by placed.place)
        > build_settings.max_per_creator as is_over_creator_cap
    from placed
    cross join build_settings
),
judged as (
    select
        counted.*,
        case
            when counted.is_fill then 'popularity'
            when counted.is_poor then 'quality'
            when counted.is_over_creator_cap then 'variety'
            when
                counted.genre is not null
                and row_number() over (
                    partition by counted.genre, counted.is_over_creator_cap
                    order by counted.place
                ) > build_settings.max_per_genre
                then 'variety'
            when counted.is_repeat then 'repeat'
        end as relaxed_rule
    from counted
    cross join build_settings
),
ranked as (
    select
        judged.*,
        cast(
            row_number() over (
                order by
                    case judged.relaxed_rule
                        when 'repeat' then 1
                        when 'variety' then 2
                        when 'quality' then 3
                        when 'popularity' then 4
                        else 0
                    end,
                    -- what fills the list has an order of its own
                    case when judged.is_fill then judged.previous_rank end,
                    judged.blended_score desc,
                    judged.song_index
            ) as integer
        ) as recommendation_rank
    from judged
)
select
    ranked.recommendation_rank,
    ranked.previous_rank,
    ranked.previous_rank - ranked.recommendation_rank as rank_change,
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
    case
        when ranked.is_fill then 'popularity'
        else case
            greatest(
                ranked.item_cf_score,
                ranked.content_score,
                ranked.prompt_score,
                ranked.user_cf_score
            )
            when 0 then 'quality'
            when ranked.item_cf_score then 'item_cf'
            when ranked.user_cf_score then 'user_cf'
            when ranked.prompt_score then 'prompt'
            else 'content'
        end
    end as primary_channel,
    ranked.relaxed_rule
from ranked
order by ranked.recommendation_rank;
