from sunorecsys import als


def model(dbt, session):
    """One row: the Gram matrix of the song factors, and its regularized inverse."""
    return als.gram(
        dbt.ref("als_song_factors").to_arrow_table(),
        factors=dbt.config.meta_get("factors"),
        regularization=dbt.config.meta_get("regularization"),
    )
