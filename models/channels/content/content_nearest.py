from sunorecsys import neighbors


def model(dbt, session):
    """The most similar songs of every song, by content vectors."""
    return neighbors.nearest(
        dbt.ref("content_blocks").to_arrow_table(),
        neighbors=dbt.config.meta_get("neighbors"),
        exact_up_to=dbt.config.meta_get("exact_up_to"),
        recall=dbt.config.meta_get("recall"),
        memory_gb=dbt.config.meta_get("memory_gb"),
    )
