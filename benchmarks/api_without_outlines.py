"""`python -m benchmarks.api_without_outlines`: the API, which holds no course's outline and reads each anew."""

from litestar import Litestar

from api import __main__ as api
from api.app import create_app
from api.http.request_log import Observe
from api.learning.outlines import Outlines
from bootstrap import Services, end_process


def create_forgetful_app(services: Services, observe: Observe | None = None) -> Litestar:
    """The usual app with other outlines."""
    app = create_app(services, observe)
    app.state["outlines"] = Outlines(most_held=0)
    return app


if __name__ == "__main__":
    setattr(api, "create_app", create_forgetful_app)  # noqa: B010  # for mypy, a module exports no imports
    end_process(api.main())
