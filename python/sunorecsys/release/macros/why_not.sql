-- why_not(user_id, song_id): why a song is not in the playlist of a listener: one row
-- per rule that keeps it out, the strongest first, with the reason in words.
--
-- in_playlist: it is there; hidden, heard, disliked, own_song: never listed; version:
-- another version of it comes first; not_proposed: no channel has it among its best, so
-- it can only fill a list; quality, creator, genre, repeat: it breaks a rule that gives
-- way only where a list would be short, the last one of these first; rank: no rule, but
-- its score is too low.
--
-- recommendation_rank: null if it is not among the stored ones. blended_score: the sum
-- of explain. score_needed: the lowest score in the playlist of a song that breaks no
-- rule; null if there is none. gap: score_needed less blended_score; below 0, the score
-- would do. No rows: unknown listener or song.
create or replace macro why_not(user_id, song_id) as table
with
asked as materialized (
    select
        listeners.user_index,
        listeners.history_stage,
        listeners.variant as listener_variant,
        songs.song_index,
        songs.creator_id,
        songs.creator_name,
        songs.genre,
        songs.version_id,
        songs.is_hidden,
        songs.creator_id is not distinct from listeners.user_id as is_own,
        songs.play_count,
        songs.quality_score,
        build_info.week_start,
        build_settings.*
    from listeners
    cross join songs
    cross join build_settings
    cross join build_info
    where listeners.user_id = user_id and songs.song_id = song_id
),
weights as (
    select
        channel_weights.channel,
        channel_weights.weight
    from asked
    inner join channel_weights
        on
            asked.history_stage = channel_weights.history_stage
            and asked.listener_variant = channel_weights.variant
),
served as (
    select
        discover_weekly.song_id,
        max(discover_weekly.week_start) as week_start
    from asked
    inner join discover_weekly on asked.user_index = discover_weekly.user_index
    where
        discover_weekly.week_start < asked.week_start
        and discover_weekly.week_start
        >= asked.week_start - 7 * asked.repeat_after_weeks
    group by discover_weekly.song_id
),
stored as materialized (
    select
        songs.song_index,
        recommendations.recommendation_rank,
        recommendations.blended_score,
        recommendations.relaxed_rule,
        recommendations.recommendation_rank <= asked.playlist_length as is_listed
    from asked
    inner join recommendations on asked.user_index = recommendations.user_index
    inner join songs on recommendations.song_id = songs.song_id
),
playlist_facts as (
    select
        min(stored.blended_score) filter (
            stored.is_listed and stored.relaxed_rule is null
        ) as score_needed,
        coalesce(
            bool_or(stored.is_listed and stored.relaxed_rule = 'popularity'), false
        ) as has_fill
    from stored
),
proposed as materialized (
    select
        candidates.song_index,
        sum(round(candidates.normalized_score * weights.weight, 9)) as channel_sum
    from listener_candidates(
        user_id,
        cast([] as struct(song_id varchar, weight double)[]),
        cast([] as varchar[]),
        0
    ) as candidates
    inner join weights on candidates.channel = weights.channel
    group by candidates.song_index
),
considered as (
    select proposed.song_index from proposed
    union
    select stored.song_index from stored
    union
    select asked.song_index from asked
),
-- all candidates, what is stored and the asked song, in the order in which caps count
judged as materialized (
    select
        songs.song_index,
        songs.song_id,
        -- titles come from strangers: one line, and not too long
        left(trim(regexp_replace(songs.title, '[\pZ\p{Cc}]+', ' ', 'g')), 60)
        || ' (' || songs.song_id || ')' as song_name,
        songs.creator_id,
        songs.genre,
        songs.version_id,
        proposed.song_index is not null as is_proposed,
        coalesce(songs.play_count, 0) >= asked.min_plays_for_quality
        and songs.quality_score < asked.quality_threshold as is_poor,
        served.week_start as served_in,
        stored.recommendation_rank,
        coalesce(stored.is_listed, false) as is_listed,
        stored.relaxed_rule,
        coalesce(
            stored.blended_score,
            round(
                coalesce(proposed.channel_sum, 0)
                + round(songs.quality_score * weights.weight, 9),
                9
            )
        ) as blended_score
    from asked
    inner join weights on weights.channel = 'quality'
    cross join considered
    inner join songs on considered.song_index = songs.song_index
    left join proposed on songs.song_index = proposed.song_index
    left join stored on songs.song_index = stored.song_index
    left join served on songs.song_id = served.song_id
),
ordered as (
    select
        judged.*,
        row_number() over (
            order by
                not judged.is_proposed,
                judged.is_poor,
                judged.served_in is not null,
                judged.blended_score desc,
                judged.song_index
        ) as place
    from judged
),
asked_song as materialized (
    select ordered.*
    from ordered
    inner join asked on ordered.song_index = asked.song_index
),
-- what comes before it, one song of each version
rivals as (
    select
        ordered.*,
        ordered.version_id = asked_song.version_id as is_version,
        asked_song.is_proposed
        and ordered.is_proposed
        and ordered.creator_id = asked_song.creator_id as is_of_creator
    from ordered
    cross join asked_song
    where
        ordered.song_index != asked_song.song_index
        -- songs that fill the list are the first of their version
        and (ordered.place < asked_song.place or not ordered.is_proposed)
    qualify
        row_number() over (
            partition by ordered.version_id
            order by ordered.place
        ) = 1
),
counted as (
    select
        rivals.*,
        rivals.creator_id is null
        or row_number() over (partition by rivals.creator_id order by rivals.place)
        <= asked.max_per_creator as keeps_creator_cap
    from rivals
    cross join asked
),
found as (
    select
        any_value(
            counted.song_name
            || case
                when counted.is_listed
                    then ', at rank ' || counted.recommendation_rank || ' of the list'
                else ''
            end
        ) filter (counted.is_version) as version_name,
        coalesce(
            list(counted.song_name order by counted.place) filter (
                counted.is_of_creator
                and counted.keeps_creator_cap
                and not counted.is_version
            ),
            []
        ) as of_creator,
        coalesce(
            list(counted.song_name order by counted.place) filter (
                asked_song.is_proposed
                and counted.is_proposed
                and counted.genre = asked_song.genre
                and counted.keeps_creator_cap
                and not counted.is_version
            ),
            []
        ) as of_genre
    from asked_song
    left join counted on true
),
-- what a channel with no room for more songs gives to the asked song
reached as (
    select
        similar_songs.channel,
        cast(sum(cast(similar_songs.similarity as decimal(18, 8))) as double) as amount
    from asked
    inner join asked_song on not asked_song.is_proposed
    inner join listening_history on asked.user_index = listening_history.user_index
    inner join similar_songs
        on
            listening_history.song_index = similar_songs.song_index
            and asked.song_index = similar_songs.similar_song_index
            and similar_songs.similarity_rank <= asked.top_k_per_seed
    where similar_songs.channel in ('item_cf', 'content', 'prompt')
    group by similar_songs.channel
    union all
    select
        'user_cf' as channel,
        list_dot_product(
            cast(user_factors.factors as double[]),
            cast(song_factors.factors as double[])
        ) as amount
    from asked
    inner join asked_song on not asked_song.is_proposed
    inner join user_factors on asked.user_index = user_factors.user_index
    inner join song_factors on asked.song_index = song_factors.song_index
),
closest as (
    select
        max_by(
            reached.channel || ' comes closest, with '
            || format('{:.4f}', reached.amount) || ' where its last one has '
            || format('{:.4f}', channel_scales.lowest_score),
            reached.amount / channel_scales.lowest_score
        ) as words
    from asked
    inner join channel_scales on asked.user_index = channel_scales.user_index
    inner join reached on channel_scales.channel = reached.channel
    where reached.amount > 0 and channel_scales.lowest_score > 0
),
facts as (
    select
        asked.*,
        asked_song.recommendation_rank,
        asked_song.blended_score,
        asked_song.is_proposed,
        asked_song.is_listed,
        asked_song.is_poor,
        asked_song.served_in,
        asked_song.relaxed_rule,
        playlist_facts.score_needed,
        playlist_facts.has_fill,
        found.version_name,
        found.of_creator[:asked.max_per_creator] as of_creator,
        found.of_genre[:asked.max_per_genre] as of_genre,
        closest.words as closest_words,
        popular_songs.variety_rank,
        user_songs.interaction_count,
        user_songs.last_interaction_at,
        coalesce(user_songs.is_disliked, false) as is_disliked
    from asked
    cross join asked_song
    cross join playlist_facts
    cross join found
    cross join closest
    left join popular_songs on asked.song_index = popular_songs.song_index
    left join user_songs
        on
            asked.user_index = user_songs.user_index
            and asked.song_index = user_songs.song_index
),
rules as (
    select
        facts.recommendation_rank,
        facts.blended_score,
        facts.score_needed,
        unnest(
            case
                when facts.is_listed then [
                    {
                        'rule': 'in_playlist',
                        'detail': 'It is in the playlist, at rank '
                        || facts.recommendation_rank
                        || case facts.relaxed_rule
                            when 'popularity' then ', as a popular song that fills it'
                            when 'quality' then ', where the quality rule gave way'
                            when 'variety' then ', where the variety rule gave way'
                            when 'repeat' then ', where the repeat rule gave way'
                            else ''
                        end
                        || '.'
                    }
                ]
                else [
                    {
                        'rule': 'hidden',
                        'detail': case
                            when facts.is_hidden
                                then 'It is hidden, and a list never holds such songs.'
                        end
                    },
                    {
                        'rule': 'heard',
                        'detail': 'The listener knows it: '
                        || facts.interaction_count
                        || case
                            when facts.interaction_count = 1 then ' event'
                            else ' events'
                        end
                        || case
                            -- what has no time
                            when
                                facts.last_interaction_at = timestamp '1970-01-01'
                                then ''
                            else ', the last on '
                                || strftime(facts.last_interaction_at, '%Y-%m-%d')
                        end
                        || '.'
                    },
                    {
                        'rule': 'disliked',
                        'detail': case
                            when facts.is_disliked then 'The listener disliked it.'
                        end
                    },
                    {
                        'rule': 'own_song',
                        'detail': case
                            when facts.is_own then 'The listener made it.'
                        end
                    },
                    {
                        'rule': 'version',
                        'detail': 'Another version of it comes first: '
                        || facts.version_name || '.'
                    },
                    {
                        'rule': 'not_proposed',
                        'detail': case
                            when
                                not facts.is_proposed
                                and not facts.is_hidden
                                and not facts.is_own
                                and facts.interaction_count is null
                                then case
                                    when facts.history_stage = 'new'
                                        then 'No channel knows what the listener likes'
                                    else 'No channel has it among its '
                                        || facts.candidates_per_channel
                                        || ' best songs for the listener'
                                end
                                || coalesce('; ' || facts.closest_words, '')
                                || case
                                    when facts.has_fill
                                        then '; of the popular songs that fill the '
                                            || 'list it is number '
                                            || facts.variety_rank
                                    else ''
                                end
                                || '.'
                        end
                    },
                    {
                        'rule': 'quality',
                        'detail': case
                            when facts.is_poor
                                then 'Its quality '
                                    || format('{:.4f}', facts.quality_score)
                                    || ' is under the threshold of '
                                    || facts.quality_threshold
                                    || ', judged from '
                                    || coalesce(facts.play_count, 0)
                                    || ' plays.'
                        end
                    },
                    {
                        'rule': 'creator',
                        'detail': case
                            when
                                facts.version_name is null
                                and len(facts.of_creator) >= facts.max_per_creator
                                then 'A list holds ' || facts.max_per_creator
                                    || ' of a creator, and better ones come first: '
                                    || array_to_string(facts.of_creator, ', ') || '.'
                        end
                    },
                    {
                        'rule': 'genre',
                        'detail': case
                            when
                                facts.version_name is null
                                and len(facts.of_creator) < facts.max_per_creator
                                and len(facts.of_genre) >= facts.max_per_genre
                                then 'A list holds ' || facts.max_per_genre
                                    || ' of ' || facts.genre
                                    || ', and better ones come first: '
                                    || array_to_string(facts.of_genre, ', ') || '.'
                        end
                    },
                    {
                        'rule': 'repeat',
                        'detail': 'It was in the list of the week of '
                        || facts.served_in || ', and stays out of the next '
                        || facts.repeat_after_weeks || '.'
                    },
                    {
                        'rule': 'rank',
                        'detail': case
                            when facts.is_proposed
                                then 'No rule keeps it out: its score '
                                    || format('{:.4f}', facts.blended_score)
                                    || ' is '
                                    || format(
                                        '{:.4f}',
                                        facts.score_needed - facts.blended_score
                                    )
                                    || ' under the '
                                    || format('{:.4f}', facts.score_needed)
                                    || ' of the last song of the list.'
                        end
                    }
                ]
            end
        ) as told,
        unnest(generate_series(1, 11)) as strength
    from facts
)
select
    rules.told.rule,
    rules.told.detail,
    rules.recommendation_rank,
    rules.blended_score,
    rules.score_needed,
    round(rules.score_needed - rules.blended_score, 9) as gap
from rules
where rules.told.detail is not null
qualify rules.told.rule != 'rank' or count(*) over () = 1
order by rules.strength;
