from sunorecsys import als


def model(dbt, session):
    """One factor vector per listener, solved exactly from the song factors."""
    return als.user_factors(
        dbt.ref("als_song_factors").to_arrow_table(),
        dbt.ref("listener_matrix").to_arrow_table(),
        factors=dbt.config.meta_get("factors"),
        regularization=dbt.config.meta_get("regularization"),
        alpha=dbt.config.meta_get("alpha"),
    )
