from sunorecsys import content


def model(dbt, session):
    """One content vector per song: text, genre and numbers as weighted blocks."""
    return content.song_vectors(
        dbt.ref("content_features").to_arrow_table(),
        text_dimensions=dbt.config.meta_get("text_dimensions"),
        dimensions=dbt.config.meta_get("dimensions"),
        text_weight=dbt.config.meta_get("text_weight"),
        genre_weight=dbt.config.meta_get("genre_weight"),
        numbers_weight=dbt.config.meta_get("numbers_weight"),
        seed=dbt.config.meta_get("seed"),
    )
