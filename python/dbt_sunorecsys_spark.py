"""Lets dbt-spark run Python models in its own process, beside the session it uses.

dbt imports every module whose name starts with ``dbt_``. dbt-spark sends Python models
to Databricks only; with the method ``session`` there is no other process to send them
to.
"""

import importlib.util
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


if importlib.util.find_spec("dbt.adapters.spark") is not None:
    from dbt.adapters.spark.impl import SparkAdapter

    _run_in_process(SparkAdapter)
