from sunorecsys import embeddings


def model(dbt, session):
    """What each song that CLAP heard should sound like, in the space of its audio."""
    return embeddings.style_vectors(
        dbt.ref("style_texts").to_arrow_table(),
        clap=dbt.config.meta_get("clap"),
    )
