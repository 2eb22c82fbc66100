"""The application for a server: ``uvicorn sunorecsys.api.main:app``.

The project is the one at SUNORECSYS_PROJECT_DIR, or the one here or above.
"""

import logging

from sunorecsys.api.app import create_app
from sunorecsys.api.settings import Settings
from sunorecsys.project import Project
from sunorecsys.serving import Service

# its lines hold queries, and so name listeners; our own log has every request
logging.getLogger("uvicorn.access").disabled = True

app = create_app(Service.of(Project.find()), Settings.from_environment())
