from sunorecsys import diversity


def model(dbt, session):
    """How far apart the content vectors of each list are."""
    return diversity.embedding_diversity(
        dbt.ref("listed_songs").to_arrow_table(),
        dbt.ref("content_blocks").to_arrow_table(),
        depths=dbt.config.meta_get("depths"),
    )
