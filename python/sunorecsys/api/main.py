"""The application for a server: ``uvicorn sunorecsys.api.main:app``.

The project is the one at SUNORECSYS_PROJECT_DIR, or the one here or above.
"""

from sunorecsys.api.app import create_app
from sunorecsys.api.settings import Settings
from sunorecsys.project import Project
from sunorecsys.serving import Service

app = create_app(Service.of(Project.find()), Settings.from_environment())
