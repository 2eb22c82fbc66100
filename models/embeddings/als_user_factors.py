from sunorecsys import als


def model(dbt, session):
    """One factor vector per listener, solved exactly from the song factors."""
    ((ridge,),) = dbt.ref("als_ridges").select("listener_ridge").fetchall()
    return als.user_factors(
        dbt.ref("als_song_factors").to_arrow_table(),
        dbt.ref("listener_matrix").to_arrow_table(),
        factors=dbt.config.meta_get("factors"),
        regularization=ridge,
        alpha=dbt.config.meta_get("alpha"),
    )
