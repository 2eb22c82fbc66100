from sunorecsys import als


def model(dbt, session):
    """The songs with the highest ALS scores of every listener."""
    return als.candidates(
        dbt.ref("als_user_factors").to_arrow_table(),
        dbt.ref("als_song_factors").to_arrow_table(),
        dbt.ref("excluded_songs").to_arrow_table(),
        dbt.ref("catalogue").filter("is_hidden").select("song_index").to_arrow_table(),
        candidates=dbt.config.meta_get("candidates"),
    )
