"""Lets dbt-spark do on a session what the project needs of it.

dbt imports every module whose name starts with ``dbt_``. dbt-spark sends Python models
to Databricks only; with the method ``session`` there is no other process to send them
to.
"""

import importlib.util
from pathlib import Path
from typing import Any


def _run_in_process(adapter: Any) -> None:
    """Add the submission method ``session`` to the adapter, as the default of it."""
    from dbt.adapters.base import PythonJobHelper

    class SessionJob(PythonJobHelper):
        """Runs a Python model on the session of this process."""

        def __init__(self, parsed_model: dict[str, Any], credentials: Any) -> None:
            self._model = parsed_model

        def submit(self, compiled_code: str) -> None:
            """Run a model, without what dbt-spark appends for Databricks."""
            from sunorecsys.spark import write_model

            write_model(
                self._model["compiled_code"],
                file=self._model["original_file_path"],
                table=self._model["relation_name"],
                by_listener=self._model["config"]["meta"].get("by_listener", False),
            )

    helpers = adapter.python_submission_helpers.fget
    default = adapter.default_python_submission_method.fget
    adapter.python_submission_helpers = property(
        lambda self: helpers(self) | {"session": SessionJob}
    )
    adapter.default_python_submission_method = property(
        lambda self: (
            "session" if self.config.credentials.method == "session" else default(self)
        )
    )


def _add_methods(adapter: Any) -> None:
    """Add what macros call, and let no file be where a table is to be made."""
    drop = adapter.drop_relation

    def landing_files(self: Any, kind: str, ending: str) -> int:
        return len(list(Path("landing", kind).glob(f"*.{ending}")))

    def write_query(self: Any, sql: str, reads: list[str], relation: Any) -> None:
        from sunorecsys import spark

        spark.write_query(sql, reads=reads, table=relation.render())

    def drop_relation(self: Any, relation: Any) -> None:
        drop(self, relation)
        if self.config.credentials.method == "session":
            from sunorecsys import spark

            spark.remove_files(relation.schema, relation.identifier)

    adapter.landing_files = landing_files
    adapter.write_query = write_query
    adapter.drop_relation = drop_relation
    adapter._available_ |= {"landing_files", "write_query"}


def _prepare_sessions(connections: Any) -> None:
    """Check what a session needs before it is opened."""
    from dbt_common.exceptions import DbtRuntimeError

    open_connection = connections.open.__func__

    def open_prepared(cls: Any, connection: Any) -> Any:
        from sunorecsys import spark
        from sunorecsys.errors import SunorecsysError

        if connection.credentials.method == "session":
            try:
                # dbt runs in the folder of the project
                spark.prepare(Path.cwd())
            except SunorecsysError as error:
                # dbt shows an error of its own without a traceback
                raise DbtRuntimeError(str(error)) from error
        return open_connection(cls, connection)

    connections.open = classmethod(open_prepared)


if importlib.util.find_spec("dbt.adapters.spark") is not None:
    from dbt.adapters.spark.connections import SparkConnectionManager
    from dbt.adapters.spark.impl import SparkAdapter

    _run_in_process(SparkAdapter)
    _add_methods(SparkAdapter)
    _prepare_sessions(SparkConnectionManager)
