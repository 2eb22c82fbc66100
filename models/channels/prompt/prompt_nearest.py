from sunorecsys import neighbors


def model(dbt, session):
    """The most similar songs of every song, by prompt vectors."""
    return neighbors.nearest(
        dbt.ref("prompt_vectors").to_arrow_table(),
        neighbors=dbt.config.meta_get("neighbors"),
    )
