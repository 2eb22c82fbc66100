-- recommend_after(user_id, played, left_out, n): the list of a listener after what has
-- happened since the release, by the rules and scores of a build. With nothing played
-- and left out it is the list of the release; for an unknown listener it is made from
-- what was played alone, and from nothing it is the list of popular, varied songs. The
-- weights are those of the listener's variant; an unknown one has that of the build.
--
-- played: list of {song_id, weight}, the newest first. left_out: list of song ids.
create or replace macro recommend_after(user_id, played, left_out, n) as table
with
side_by_side as (
    select
        candidates.song_index,
        coalesce(
            max(candidates.normalized_score) filter (candidates.channel = 'item_cf'), 0
        ) as item_cf,
        coalesce(
            max(candidates.normalized_score) filter (candidates.channel = 'content'), 0
        ) as content,
        coalesce(
            max(candidates.normalized_score) filter (candidates.channel = 'prompt'), 0
        ) as prompt,
        coalesce(
            max(candidates.normalized_score) filter (candidates.channel = 'user_cf'), 0
        ) as user_cf,
        max(candidates.channel_score) filter (candidates.channel = 'popularity')
            as popularity,
        bool_and(candidates.channel = 'popularity') as is_fill,
        map(list(candidates.channel), list(candidates.best_seeds)) as best_seeds,
        case
            when any_value(candidates.song_count) = 0 then 'new'
            when any_value(candidates.song_count) < 5 then 'light'
            else 'regular'
        end as history_stage
    from listener_candidates(user_id, played, left_out, n) as candidates
    group by candidates.song_index
),
stage_weights as (
    select
        channel_weights.history_stage,
        max(channel_weights.weight) filter (channel_weights.channel = 'item_cf')
            as item_cf,
        max(channel_weights.weight) filter (channel_weights.channel = 'content')
            as content,
        max(channel_weights.weight) filter (channel_weights.channel = 'prompt')
            as prompt,
        max(channel_weights.weight) filter (channel_weights.channel = 'user_cf')
            as user_cf,
        max(channel_weights.weight) filter (channel_weights.channel = 'quality')
            as quality
    from build_settings
    left join listeners on listeners.user_id = user_id
    inner join channel_weights
        on
            coalesce(listeners.variant, build_settings.variant)
            = channel_weights.variant
    group by channel_weights.history_stage
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
judged as (
    select
        songs.song_index,
        songs.song_id,
        songs.title,
        songs.creator_name,
        songs.genre,
        songs.version_id,
        coalesce(songs.creator_id, songs.song_id) as maker,
        side_by_side.is_fill,
        side_by_side.popularity,
        side_by_side.best_seeds,
        round(side_by_side.item_cf * stage_weights.item_cf, 9) as item_cf_score,
        round(side_by_side.content * stage_weights.content, 9) as content_score,
        round(side_by_side.prompt * stage_weights.prompt, 9) as prompt_score,
        round(side_by_side.user_cf * stage_weights.user_cf, 9) as user_cf_score,
        round(songs.quality_score * stage_weights.quality, 9) as quality_score,
        not side_by_side.is_fill
        and coalesce(songs.play_count, 0) >= build_settings.min_plays_for_quality
        and songs.quality_score < build_settings.quality_threshold as is_poor,
        served.song_id is not null as is_repeat
    from side_by_side
    inner join songs on side_by_side.song_index = songs.song_index
    inner join stage_weights
        on side_by_side.history_stage = stage_weights.history_stage
    cross join build_settings
    left join served on songs.song_id = served.song_id
),
scored as (
    select
        *,
        round(
            item_cf_score + content_score + prompt_score + user_cf_score
            + quality_score,
            9
        ) as blended_score,
        case when is_fill then popularity else blended_score end as order_score
    from judged
),
ordered as (
    select
        *,
        row_number() over (
            order by is_fill, is_poor, is_repeat, order_score desc, song_index
        ) as place
    from scored
),
one_version as (
    select ordered.*
    from ordered
    semi join (
        select min(ordered.place) as place from ordered group by ordered.version_id
    ) as first_places
        on ordered.place = first_places.place
),
-- what stands behind the last song of a creator that the cap lets pass is over it
creator_caps as (
    select
        one_version.maker,
        list(one_version.place order by one_version.place)[
            any_value(build_settings.max_per_creator)
        ] as last_place
    from one_version
    cross join build_settings
    where not one_version.is_fill
    group by one_version.maker
),
capped as (
    select
        one_version.*,
        coalesce(one_version.place > creator_caps.last_place, false) as is_over_cap
    from one_version
    left join creator_caps on one_version.maker = creator_caps.maker
),
genre_caps as (
    select
        capped.genre,
        list(capped.place order by capped.place)[
            any_value(build_settings.max_per_genre)
        ] as last_place
    from capped
    cross join build_settings
    where not capped.is_fill and not capped.is_over_cap
    group by capped.genre
),
ranked as (
    select
        capped.*,
        cast(
            row_number() over (
                order by
                    case
                        when capped.is_fill then 4
                        when capped.is_poor then 3
                        when capped.is_over_cap then 2
                        when capped.place > genre_caps.last_place then 2
                        when capped.is_repeat then 1
                        else 0
                    end,
                    capped.is_fill and capped.is_repeat,
                    capped.order_score desc,
                    capped.song_index
            ) as integer
        ) as recommendation_rank,
        case
            when capped.is_fill then 'popularity'
            else case
                greatest(
                    capped.item_cf_score,
                    capped.content_score,
                    capped.prompt_score,
                    capped.user_cf_score
                )
                when 0 then 'quality'
                when capped.item_cf_score then 'item_cf'
                when capped.user_cf_score then 'user_cf'
                when capped.prompt_score then 'prompt'
                else 'content'
            end
        end as primary_channel
    from capped
    left join genre_caps on capped.genre = genre_caps.genre
    qualify recommendation_rank <= n
),
-- titles come from strangers: one line, and not too long
seed_titles as (
    select
        seeds.song_index,
        array_to_string(
            list(
                left(trim(regexp_replace(songs.title, '[\pZ\p{Cc}]+', ' ', 'g')), 60)
                order by seeds.place
            ),
            ' and '
        ) as titles
    from (
        select
            ranked.song_index,
            unnest(ranked.best_seeds[ranked.primary_channel]) as seed_index,
            unnest([1, 2]) as place
        from ranked
    ) as seeds
    inner join songs on seeds.seed_index = songs.song_index
    group by seeds.song_index
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
        when 'item_cf' then 'Because you played ' || seed_titles.titles
        when 'content' then 'Sounds like ' || seed_titles.titles
        when 'prompt' then 'Written like ' || seed_titles.titles
        when 'user_cf' then 'Listeners like you play it'
        when 'quality' then 'Well received by its listeners'
        else 'Popular with everyone right now'
    end as reason
from ranked
left join seed_titles on ranked.song_index = seed_titles.song_index
order by ranked.recommendation_rank;
