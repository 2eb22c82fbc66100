from sunorecsys import embeddings


def model(dbt, session):
    """The vector of each song's audio, or why it has none; new songs are embedded."""
    return embeddings.audio_vectors(
        dbt.ref("catalogue").select("song_index, song_id").to_arrow_table(),
        audio_dir=dbt.config.meta_get("audio_dir"),
        encoder=dbt.config.meta_get("encoder"),
        windows=dbt.config.meta_get("windows"),
        clap=dbt.config.meta_get("clap"),
    )
