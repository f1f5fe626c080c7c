"""The REST API: one Lambda behind API Gateway. With ``app.py`` the only code that knows Chalice.

``route`` declares, checks and answers; ``routes`` has the routes; ``problem`` says what errors look like.
"""

from chalicelib.api.route import Api, Services
from chalicelib.api.routes import api

__all__ = ["Api", "Services", "api", "templates"]


def templates() -> list[str]:
    """The paths of all routes, as API Gateway writes them: ``/v1/runs/{run_id}``."""
    return sorted({route.path for route in api.routes})
