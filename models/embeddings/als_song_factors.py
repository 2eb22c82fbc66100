from sunorecsys import als, spark


def model(dbt, session):
    """One factor vector per song, by ALS on the interaction matrix."""
    ((listener_ridge, song_ridge, song_ridge_per_listener),) = (
        dbt.ref("als_ridges")
        .select("listener_ridge, song_ridge, song_ridge_per_listener")
        .fetchall()
    )
    learn = spark if dbt.config.meta_get("is_distributed") else als
    return learn.song_factors(
        dbt.ref("tagged_matrix").to_arrow_table(),
        dbt.ref("catalogue").select("song_index").to_arrow_table(),
        factors=dbt.config.meta_get("factors"),
        listener_ridge=listener_ridge,
        song_ridge=song_ridge,
        song_ridge_per_listener=song_ridge_per_listener,
        iterations=dbt.config.meta_get("iterations"),
        alpha=dbt.config.meta_get("alpha"),
        seed=dbt.config.meta_get("seed"),
    )
