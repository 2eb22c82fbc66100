"""``sunorecsys demo``: three scenarios on the current release."""

from sunorecsys import reader
from sunorecsys.cli import output
from sunorecsys.cli.options import ProjectDir
from sunorecsys.errors import SunorecsysError
from sunorecsys.project import Project
from sunorecsys.serving import Service


def demo(project_dir: ProjectDir = None) -> None:
    """Show a listener's Discover Weekly, similar songs, and a list from seed songs.

    Example: sunorecsys demo
    """
    with Service.of(Project.find(project_dir)).view() as view:
        release = view.sql()
        listener = reader.query(
            release,
            """
            select user_id, song_count
            from listeners
            order by song_count desc, user_id
            limit 1
            """,
        )
        if not listener:
            raise SunorecsysError(
                "Nobody has listened yet. "
                'Run "sunorecsys simulate" or "sunorecsys ingest interactions FILE".'
            )
        user = listener[0]["user_id"]
        seeds = reader.query(
            release,
            """
            select songs.song_id, songs.title
            from listening_history
            inner join songs using (song_id)
            where user_id = $1
            order by history_rank
            limit 2
            """,
            [user],
        )
        weekly = view.recommend(user, 30)
        output.show_recommendations(
            weekly,
            f"1. Discover Weekly of {user}, who played "
            f"{listener[0]['song_count']} songs",
        )
        if weekly:
            first = weekly[0]
            output.show_similar(
                view.similar(first["song_id"], 5, "blended"),
                f"2. Songs like {output.name(first['title'])}",
            )
        rows, _ = view.recommend_from([row["song_id"] for row in seeds], 5)
        titles = (
            " and ".join(str(output.name(row["title"])) for row in seeds) or "nothing"
        )
        output.show_recommendations(rows, f"3. A list from {titles}")
