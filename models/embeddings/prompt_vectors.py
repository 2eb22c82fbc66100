from sunorecsys import text


def model(dbt, session):
    """One text vector per song that has a prompt, from TF-IDF and SVD."""
    return text.song_vectors(
        dbt.ref("prompt_texts").to_arrow_table(),
        dimensions=dbt.config.meta_get("dimensions"),
        seed=dbt.config.meta_get("seed"),
    )
