from sunorecsys import diversity


def model(dbt, session):
    """How far apart the content vectors of each list are."""
    lists = dbt.ref("ranked_lists").aggregate(
        "recommender, listener_index, list(song_index order by list_rank) as songs",
        "recommender, listener_index",
    )
    return diversity.embedding_diversity(
        lists.to_arrow_table(),
        dbt.ref("content_blocks").to_arrow_table(),
        depths=dbt.config.meta_get("depths"),
    )
