from sunorecsys import als


def model(dbt, session):
    """What each song of a listener gave to the ALS scores of the playlist."""
    ((ridge,),) = dbt.ref("als_ridges").select("listener_ridge").fetchall()
    return als.contributions(
        dbt.ref("als_song_factors").to_arrow_table(),
        dbt.ref("listener_matrix").to_arrow_table(),
        dbt.ref("listener_recommendations")
        .filter("is_in_playlist and user_cf_score > 0")
        .select("user_index, song_index")
        .to_arrow_table(),
        factors=dbt.config.meta_get("factors"),
        regularization=ridge,
        alpha=dbt.config.meta_get("alpha"),
        seeds=dbt.config.meta_get("seeds"),
    )
