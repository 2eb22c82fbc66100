from sunorecsys import neighbors


def model(dbt, session):
    """The most similar songs of every song, by content vectors."""
    return neighbors.nearest(
        dbt.ref("content_blocks").to_arrow_table(),
        neighbors=dbt.config.meta_get("neighbors"),
    )
