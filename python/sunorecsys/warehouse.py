"""The dbt-duckdb plugin of the build: prepares the place of the warehouse."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from sunorecsys.errors import SunorecsysError
from sunorecsys.lock import keep_build_lock


class Plugin(BasePlugin):
    """Makes the folder of the database file, and keeps other builds from it."""

    def update_connection_config(
        self, creds: DuckDBCredentials, config: dict[str, Any]
    ) -> None:
        """Run before DuckDB opens the file, which dbt does many times in a build.

        Raises:
            DbtRuntimeError: another process builds this project.
        """
        try:
            # dbt runs in the folder of the project
            keep_build_lock(Path.cwd())
        except SunorecsysError as error:
            # dbt shows an error of its own without a traceback
            raise DbtRuntimeError(str(error)) from error
        Path(creds.path).parent.mkdir(parents=True, exist_ok=True)
