"""The built sample: what the tables hold, and that every way in says the same."""

import json

import numpy as np
import pytest

TABLES = {
    "songs": "song_id, title, creator_id, creator_name, created_at, duration_seconds, "
    "genre, tags, prompt, prompt_length, word_count, verse_count, chorus_count, "
    "bridge_count, model_version, audio_url, image_url, is_remix, play_count, "
    "upvote_count, comment_count, engagement_rate, popularity_score, quality_score, "
    "prompt_audio_agreement",
    "listeners": "user_id, song_count, interaction_count, first_interaction_at, "
    "last_interaction_at, history_stage, variant, experiment",
    "user_songs": "user_id, song_id, weight, interaction_count, first_interaction_at, "
    "last_interaction_at, is_liked, is_disliked",
    "listening_history": "user_id, song_id, history_rank, weight, last_interaction_at, "
    "is_this_week",
    "recommendations": "user_id, recommendation_rank, song_id, blended_score, "
    "item_cf_score, content_score, prompt_score, user_cf_score, quality_score, "
    "primary_channel, reason, variant",
    "recommendation_reasons": "user_id, song_id, channel, seed_song_id, contribution",
    "similar_songs": "song_id, channel, similar_song_id, similarity, similarity_rank",
    "search_terms": "term, term_index, song_count",
    "song_terms": "term_index, song_index, term_weight",
    "song_factors": "song_id, factors",
    "user_factors": "user_id, factors",
    "als_gram": "gram",
    "discover_weekly": "week_start, user_id, playlist_rank, song_id, blended_score, "
    "reason, as_of, variant, experiment",
    "popular_songs": "popularity_rank, song_id, popularity_score",
    "evaluation_metrics": "as_of, week_start, variant, recommender, history_stage, "
    "metric, k, value, standard_error, users",
    "channel_weights": "variant, history_stage, channel, weight",
    "health": "check_name, subject, check_value, warn_at, bad_at, status, what_to_do",
    "weekly_lists": "week_start, listeners_served, places, songs_served, "
    "recommendable_songs, share_of_songs_served, median_song_age_days, "
    "share_of_new_songs",
    "weekly_exposure": "week_start, creators, creators_served, gini, "
    "share_of_top_percent",
    "creator_exposure": "week_start, exposure_rank, creator_id, creator_name, "
    "creators, songs_served, places, share_of_places",
    "score_histograms": "week_start, channel, score_bin, candidates",
    "score_drift": "week_start, channel, previous_week_start, candidates, "
    "candidates_before, population_stability_index",
    "vector_shift": "vector_kind, created_week, songs, older_songs, cosine_distance, "
    "distance_by_chance",
    "neighbor_recall": "vector_kind, songs, recall",
    "data_freshness": "arrived, newest_at, age_days",
    "build_info": "release_id, schema_version, built_at, as_of, source, git_commit, "
    "versions, row_counts, content_hashes",
}
CHANNELS = ("item_cf", "content", "prompt", "user_cf", "quality")


@pytest.fixture(scope="module")
def release(sample_project):
    with sample_project.release() as opened:
        yield opened


def rows(release, sql, *values):
    return release.execute(sql, list(values)).fetchall()


@pytest.fixture(scope="module")
def listeners(release):
    """Up to four listeners of every stage, the loudest and the quietest of them."""
    found = rows(
        release,
        """
        select history_stage, user_id from listeners
        qualify
            row_number() over (
                partition by history_stage order by song_count desc, user_id
            ) <= 2
            or row_number() over (
                partition by history_stage order by song_count, user_id
            ) <= 2
        """,
    )
    assert {stage for stage, _ in found} == {"new", "light", "regular"}
    return [user for _, user in found]


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_of_the_contract_have_its_columns(release, table):
    found = {
        column
        for (column,) in rows(
            release,
            "select column_name from duckdb_columns() where table_name = $1",
            table,
        )
    }
    assert set(TABLES[table].split(", ")) - found == set()
    # nothing has been evaluated
    is_filled = table != "evaluation_metrics"
    assert rows(release, f"select count(*) > 0 from {table}") == [(is_filled,)]


def test_the_release_describes_itself(release):
    ((counts, hashes),) = rows(
        release, "select row_counts, content_hashes from build_info"
    )
    tables = {
        name
        for (name,) in rows(
            release,
            "select table_name from duckdb_tables() "
            "where table_name not in ('build_info', 'build_history', 'build_steps')",
        )
    }
    assert set(counts) == set(hashes) == tables
    for table in tables:
        assert rows(release, f"select count(*) from {table}") == [(counts[table],)]


def test_sql_and_the_command_line_give_the_same_list(
    sample_project, release, listeners
):
    for user in listeners[:2]:
        stored = rows(
            release,
            """
            select recommendation_rank, song_id, blended_score, item_cf_score,
                content_score, prompt_score, user_cf_score, quality_score, reason
            from recommendations
            where user_id = $1 and recommendation_rank <= 30
            order by recommendation_rank
            """,
            user,
        )
        assert len(stored) == 30
        done = sample_project.cli("recommend", "--user", user, "--json")
        shown = json.loads(done.stdout)
        assert shown["count"] == 30
        assert [
            (
                row["rank"],
                row["song_id"],
                row["score"],
                *(row["channel_scores"][channel] for channel in CHANNELS),
                row["reason"],
            )
            for row in shown["recommendations"]
        ] == stored
        called = rows(release, "select song_id from recommend($1, n := 30)", user)
        assert [song for (song,) in called] == [row[1] for row in stored]


def explained(release, user, song):
    """Return the total of explain by channel."""
    totals = dict.fromkeys(CHANNELS, 0.0)
    for channel, amount in rows(
        release,
        "select channel, sum(contribution) from explain($1, $2) group by channel",
        user,
        song,
    ):
        totals[channel] = amount
    return totals


def test_explain_adds_up_to_the_score_of_all_songs_of_a_playlist(release, listeners):
    for user in listeners:
        stored = rows(
            release,
            """
            select song_id, blended_score, item_cf_score, content_score, prompt_score,
                user_cf_score, quality_score
            from recommendations
            where user_id = $1 and recommendation_rank <= 30
            """,
            user,
        )
        for song, blended, *scores in stored:
            totals = explained(release, user, song)
            assert sum(totals.values()) == pytest.approx(blended, abs=1e-6)
            assert list(totals.values()) == pytest.approx(scores, abs=1e-6)


def test_explain_answers_for_any_song(release):
    """Heard, own, hidden, and never proposed."""
    ((heard_by, heard),) = rows(
        release, "select user_id, song_id from user_songs order by weight desc limit 1"
    )
    ((owner, own),) = rows(
        release,
        """
        select listeners.user_id, songs.song_id
        from songs inner join listeners on songs.creator_id = listeners.user_id
        order by listeners.song_count desc, songs.song_id limit 1
        """,
    )
    ((hidden,),) = rows(release, "select min(song_id) from songs where is_hidden")
    ((strange,),) = rows(
        release,
        """
        select min(song_id) from songs where not is_hidden and song_id not in (
            select song_id from recommendations where user_id = $1
        )
        """,
        heard_by,
    )
    weights = dict(
        rows(
            release,
            "select channel, weight from channel_weights "
            "where variant = 'classic' and history_stage = 'regular'",
        )
    )
    for user, song in (
        (heard_by, heard),
        (owner, own),
        (heard_by, hidden),
        (heard_by, strange),
    ):
        totals = explained(release, user, song)
        ((quality,),) = rows(
            release, "select quality_score from songs where song_id = $1", song
        )
        ((stage,),) = rows(
            release, "select history_stage from listeners where user_id = $1", user
        )
        assert stage == "regular"
        assert totals["quality"] == pytest.approx(
            weights["quality"] * quality, abs=1e-9
        )
        assert np.isfinite(list(totals.values())).all()


def test_stored_reasons_say_the_same_as_explain(release, listeners):
    for user in listeners:
        differences = rows(
            release,
            """
            with first as (
                select song_id from recommendations
                where user_id = $1 and recommendation_rank = 1
            ),
            stored as (
                select channel, seed_song_id, contribution
                from recommendation_reasons inner join first using (song_id)
                where user_id = $1
                    and channel not in ('popularity', 'quality')
                    and seed_song_id is not null
            )
            select stored.channel, stored.seed_song_id, stored.contribution,
                told.contribution
            from stored
            left join explain($1, (select song_id from first)) as told
                using (channel, seed_song_id)
            where abs(stored.contribution - told.contribution) > 1e-6
                or told.contribution is null
            """,
            user,
        )
        assert differences == []


@pytest.mark.parametrize("seeds", [1, 3, 8])
def test_a_list_from_seed_songs_folds_als_in_exactly(release, seeds):
    """user_cf against numpy: A = YtY + 0.1 I + sum of 39 y yt, b = sum of 40 y."""
    table = rows(release, "select song_id, factors from song_factors order by song_id")
    songs = [song for song, _ in table]
    factors = np.array([vector for _, vector in table], dtype=float)
    chosen = [
        song
        for (song,) in rows(
            release,
            f"select song_id from popular_songs order by popularity_rank limit {seeds}",
        )
    ]
    picked = factors[[songs.index(song) for song in chosen]]
    left = factors.T @ factors + 0.1 * np.eye(factors.shape[1]) + 39 * picked.T @ picked
    scores = dict(
        zip(
            songs, factors @ np.linalg.solve(left, 40 * picked.sum(axis=0)), strict=True
        )
    )
    hidden = {
        song for (song,) in rows(release, "select song_id from songs where is_hidden")
    }
    candidates = sorted(
        (song for song in songs if song not in hidden and song not in chosen),
        key=lambda song: (-scores[song], song),
    )[:100]
    best = scores[candidates[0]]
    listed = dict(
        rows(
            release,
            "select song_id, user_cf_score from recommend_from($1, n := 1000)",
            chosen,
        )
    )
    stage = "light" if seeds < 5 else "regular"
    ((weight,),) = rows(
        release,
        "select weight from channel_weights where variant = 'classic' "
        "and history_stage = $1 and channel = 'user_cf'",
        stage,
    )
    compared = [song for song in candidates if song in listed and scores[song] > 0]
    assert len(compared) > 50
    for song in compared:
        assert listed[song] == pytest.approx(weight * scores[song] / best, abs=1e-6)
    # and nothing else has a score of this channel
    assert {s for s, score in listed.items() if score > 0} <= set(candidates)
    assert not set(listed) & (hidden | set(chosen))


def test_similar_songs_are_symmetric_where_the_channel_is(release):
    """Cosines of item_cf are the same in both directions."""
    assert rows(
        release,
        """
        select count(*) filter (abs(one.similarity - other.similarity) > 1e-6)
        from similar_songs as one
        inner join similar_songs as other
            on
                one.song_id = other.similar_song_id
                and one.similar_song_id = other.song_id
                and one.channel = other.channel
        where one.channel in ('item_cf', 'content')
        """,
    ) == [(0,)]


def test_item_cf_is_the_cosine_of_the_listeners_of_two_songs(sample_project, release):
    """Recomputed from the matrix with numpy, shrunk by shared / (shared + 10)."""
    matrix = sample_project.warehouse(
        "select user_index, song_index, weight from interaction_matrix"
    )
    names = dict(sample_project.warehouse("select song_index, song_id from catalogue"))
    dense = np.zeros((max(u for u, _, _ in matrix) + 1, len(names)))
    for user, song, weight in matrix:
        dense[user, song] = weight
    norms = np.linalg.norm(dense, axis=0)
    cosines = (dense.T @ dense) / np.maximum(np.outer(norms, norms), 1e-12)
    shared = (dense > 0).T.astype(float) @ (dense > 0)
    expected = np.where(shared >= 2, cosines * shared / (shared + 10), 0)
    places = {song: index for index, song in names.items()}
    stored = rows(
        release,
        "select song_id, similar_song_id, similarity from similar_songs "
        "where channel = 'item_cf'",
    )
    assert len(stored) > 1000
    for song, other, similarity in stored:
        assert similarity == pytest.approx(
            expected[places[song], places[other]], abs=1e-6
        )


def test_rules_of_a_list_hold_for_every_listener(release):
    """Counted here again, without the tables of the build."""
    never = rows(
        release,
        """
        select count(*) from recommendations
        inner join songs using (song_id)
        left join user_songs using (user_id, song_id)
        where user_songs.song_id is not null
            or songs.is_hidden
            or songs.creator_id = recommendations.user_id
        """,
    )
    assert never == [(0,)]
    assert rows(
        release,
        "select count(*) from (select user_id, song_id from discover_weekly "
        "group by all having count(*) > 1)",
    ) == [(0,)]
    ((lists, full),) = rows(
        release,
        "select count(*), count(*) filter (songs = 30) from ("
        "select user_id, count(*) as songs from discover_weekly group by user_id)",
    )
    assert lists == full > 100
