from sunorecsys import release


def model(dbt, session):
    """One row: the release that this build published, or why it did not."""
    tables = {
        "songs": dbt.ref("songs"),
        "listeners": dbt.ref("listeners"),
        "user_songs": dbt.ref("user_songs"),
        "listening_history": dbt.ref("listening_history"),
        "recommendations": dbt.ref("recommendations"),
        "recommendation_reasons": dbt.ref("recommendation_reasons"),
        "similar_songs": dbt.ref("similar_songs"),
        "search_terms": dbt.ref("search_terms"),
        "song_terms": dbt.ref("song_terms"),
        "audio_embeddings": dbt.ref("audio_embeddings"),
        "embedding_failures": dbt.ref("embedding_failures"),
        "song_factors": dbt.ref("song_factors"),
        "user_factors": dbt.ref("user_factors"),
        "als_gram": dbt.ref("als_gram"),
        "discover_weekly": dbt.ref("discover_weekly"),
        "popular_songs": dbt.ref("popular_songs"),
        "experiment_results": dbt.ref("experiment_results"),
        "channel_weights": dbt.ref("variant_weights"),
        "channel_scales": dbt.ref("channel_scales"),
        "build_settings": dbt.ref("build_settings"),
        "interaction_weights": dbt.ref("interaction_weights"),
        "evaluation_metrics": dbt.ref("evaluation_metrics"),
        "weekly_lists": dbt.ref("weekly_lists"),
        "weekly_exposure": dbt.ref("weekly_exposure"),
        "creator_exposure": dbt.ref("creator_exposure"),
        "weekly_responses": dbt.ref("weekly_responses"),
        "score_histograms": dbt.ref("score_histograms"),
        "score_drift": dbt.ref("score_drift"),
        "vector_shift": dbt.ref("vector_shift"),
        "neighbor_recall": dbt.ref("neighbor_recall"),
        "data_freshness": dbt.ref("data_freshness"),
        "health": dbt.ref("health"),
    }
    # times that were measured differ from run to run, so they name no release
    measured = {
        "build_history": dbt.ref("build_history"),
        "build_steps": dbt.ref("build_steps"),
    }
    # not published, but a failing test of them keeps the build from publishing
    dbt.ref("prompt_embeddings")
    dbt.ref("content_vectors")
    dbt.ref("evaluation_summary")
    return release.publish(
        session,
        tables,
        measured,
        dbt.ref("build_clock"),
        dbt.ref("stg_feedback"),
        releases=dbt.config.meta_get("releases"),
        kept=dbt.config.meta_get("kept"),
    )
