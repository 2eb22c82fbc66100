from sunorecsys import embeddings


def model(dbt, session):
    """One text vector per song that has a prompt."""
    return embeddings.prompt_vectors(
        dbt.ref("prompt_texts").to_arrow_table(),
        encoder=dbt.config.meta_get("encoder"),
        dimensions=dbt.config.meta_get("dimensions"),
        seed=dbt.config.meta_get("seed"),
        clap=dbt.config.meta_get("clap"),
    )
