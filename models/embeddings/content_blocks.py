from sunorecsys import content


def model(dbt, session):
    """One content vector per song: text, genre, numbers and audio as blocks."""
    return content.song_vectors(
        dbt.ref("content_features").to_arrow_table(),
        dbt.ref("audio_vectors").select("song_index, embedding").to_arrow_table(),
        text_dimensions=dbt.config.meta_get("text_dimensions"),
        text_weight=dbt.config.meta_get("text_weight"),
        genre_weight=dbt.config.meta_get("genre_weight"),
        numbers_weight=dbt.config.meta_get("numbers_weight"),
        audio_weight=dbt.config.meta_get("audio_weight"),
        seed=dbt.config.meta_get("seed"),
    )
