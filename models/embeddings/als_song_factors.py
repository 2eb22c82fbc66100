from sunorecsys import als


def model(dbt, session):
    """One factor vector per song, by ALS on the matrix with tags as rows."""
    return als.song_factors(
        dbt.ref("tagged_matrix").to_arrow_table(),
        dbt.ref("catalogue").select("song_index").to_arrow_table(),
        factors=dbt.config.meta_get("factors"),
        regularization=dbt.config.meta_get("regularization"),
        iterations=dbt.config.meta_get("iterations"),
        alpha=dbt.config.meta_get("alpha"),
        seed=dbt.config.meta_get("seed"),
    )
