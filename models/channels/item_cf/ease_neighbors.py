from sunorecsys import ease


def model(dbt, session):
    """The songs that each song speaks for by EASE; empty unless it is chosen."""
    is_chosen = dbt.config.meta_get("item_similarity") == "ease"
    matrix = dbt.ref("tagged_matrix")
    return ease.neighbors(
        (matrix if is_chosen else matrix.limit(0)).to_arrow_table(),
        regularization=dbt.config.meta_get("regularization"),
        dropout=dbt.config.meta_get("dropout"),
        neighbors=dbt.config.meta_get("neighbors"),
        memory_gb=dbt.config.meta_get("memory_gb"),
    )
