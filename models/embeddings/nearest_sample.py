from sunorecsys import neighbors


def model(dbt, session):
    """What is nearest to a few songs, by comparing them with all."""
    return neighbors.exact_sample(
        {
            "content": dbt.ref("content_blocks").to_arrow_table(),
            "prompt": dbt.ref("prompt_vectors").to_arrow_table(),
        },
        neighbors=dbt.config.meta_get("neighbors"),
        songs=dbt.config.meta_get("songs"),
    )
