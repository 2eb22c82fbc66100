"""The dbt-duckdb plugin of the build: prepares the place of the warehouse."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Makes the folder of the database file, which DuckDB does not."""

    def update_connection_config(
        self, creds: DuckDBCredentials, config: dict[str, Any]
    ) -> None:
        """Run before DuckDB opens the file."""
        Path(creds.path).parent.mkdir(parents=True, exist_ok=True)
