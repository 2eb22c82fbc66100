from sunorecsys import als


def model(dbt, session):
    """One row: the Gram matrix of the song factors, and its regularized inverse."""
    ((ridge,),) = dbt.ref("als_ridges").select("listener_ridge").fetchall()
    return als.gram(
        dbt.ref("als_song_factors").to_arrow_table(),
        factors=dbt.config.meta_get("factors"),
        regularization=ridge,
    )
