"""Labels each request with its route, each task with its name: one line for Flask, Django, FastAPI and Celery.

    label_flask(app)        label_fastapi(app)        label_celery()
    MIDDLEWARE = ["memwatch.labels.frameworks.DjangoLabels", ...]

The label `route` is the method and the pattern, ``GET /orders/<int:number>``, never the path: a path has values in it.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Collection
from importlib import import_module
from typing import Any

from ..backend.allocations.context_labels import Labels, follow
from . import LONGEST, label

_BY_ITSELF = {"HEAD", "OPTIONS"}  # methods that a framework adds
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", *_BY_ITSELF}
_FIELD = "_memwatch_label"  # of a request of Django's, of what labels Starlette's, and of where those are mounted
Scope = dict[str, Any]
Handle = Callable[[Any, Scope, Any, Any], Awaitable[None]]


def label_flask(app: Any) -> None:
    """Label the requests of a Flask application, and of all others of its class.

    Where the C extension can, nothing is done at a request: Flask has the rule at hand while it handles one, and the
    sampler looks there. The label names all methods that the rule takes then.
    """
    if not follow(type(app).dispatch_request.__code__, "rule", _name_rule):
        _wrap_flask(app)


def _name_rule(rule: Any) -> Labels:
    methods = sorted(set(rule.methods or ()) - _BY_ITSELF)
    return (("route", f"{'|'.join(methods)} {rule.rule}".strip()[:LONGEST]),)


def _wrap_flask(app: Any) -> None:
    """Where the application dispatches in a way of its own, or nobody samples."""
    from flask import request

    dispatch = app.dispatch_request

    def dispatch_request(*context: Any) -> Any:
        rule = request.url_rule
        if rule is None:
            return dispatch(*context)
        with label(route=f"{request.method} {rule.rule}"):
            return dispatch(*context)

    app.dispatch_request = dispatch_request


class DjangoLabels:
    """A middleware of Django, for views that are functions or coroutines; best the first one in MIDDLEWARE."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Handle a request; its label ends with it."""
        try:
            return self._get_response(request)
        finally:
            entered = getattr(request, _FIELD, None)
            if entered is not None:
                entered.leave()

    def process_view(self, request: Any, _view: Any, _args: Any, _kwargs: Any) -> None:
        """The route is known: label what follows."""
        match = getattr(request, "resolver_match", None)
        if match is not None:
            setattr(request, _FIELD, label(route=f"{_method(request.method)} /{match.route}").enter())


def label_fastapi(app: Any) -> None:
    """Label the requests of a FastAPI or Starlette application, and of all others in this process.

    A route does so when it is handled: it has been found then. Mounts give the patterns before it.
    """
    routing = import_module("starlette.routing")
    _wrap_handle(routing.Mount, _mounting)
    _wrap_handle(routing.Route, _labelling)
    fastapi = sys.modules.get("fastapi.routing")
    if fastapi is not None and "handle" in vars(fastapi.APIRoute):
        _wrap_handle(fastapi.APIRoute, _labelling_included)


def _wrap_handle(kind: Any, wrapping: Callable[[Handle], Handle]) -> None:
    if not hasattr(kind.handle, _FIELD):
        kind.handle = wrapping(kind.handle)
        setattr(kind.handle, _FIELD, True)


def _mounting(handle: Handle) -> Handle:
    def mounted(self: Any, scope: Scope, receive: Any, send: Any) -> Awaitable[None]:
        scope[_FIELD] = scope.get(_FIELD, "") + self.path
        return handle(self, scope, receive, send)

    return mounted


def _labelling(handle: Handle) -> Handle:
    async def labelled(self: Any, scope: Scope, receive: Any, send: Any) -> None:
        with _label_of(self, scope):
            await handle(self, scope, receive, send)

    return labelled


def _labelling_included(handle: Handle) -> Handle:
    """For the FastAPI whose routes handle what came by an included router themselves: its path is not the route's."""

    async def labelled(self: Any, included: Any, scope: Scope, receive: Any, send: Any) -> None:
        with _label_of(included, scope):
            await handle(self, scope, receive, send)

    def chosen(self: Any, scope: Scope, receive: Any, send: Any) -> Awaitable[None]:
        included = scope.get("fastapi", {}).get("effective_route_context")
        if getattr(included, "original_route", None) is self:
            return labelled(self, included, scope, receive, send)
        return handle(self, scope, receive, send)

    return chosen


def _label_of(route: Any, scope: Scope) -> label:
    return label(route=f"{_method(scope['method'], route.methods)} {scope.get(_FIELD, '')}{route.path}")


def _method(method: str, declared: Collection[str] | None = None) -> str:
    """A client may send any word for a method: what is made up has one name, as only so many labels are kept."""
    return method if method in _METHODS or (declared and method in declared) else "(other method)"


def label_celery() -> None:
    """Label the tasks of this process's Celery workers with their names, as ``task=app.add``."""
    signals = import_module("celery.signals")
    signals.task_prerun.connect(_begin_task, weak=False)
    signals.task_postrun.connect(_end_task, weak=False)


_tasks: dict[str, label] = {}


def _begin_task(task_id: str = "", task: Any = None, **_: Any) -> None:
    _tasks[task_id] = label(task=str(task.name)).enter()


def _end_task(task_id: str = "", **_: Any) -> None:
    entered = _tasks.pop(task_id, None)
    if entered is not None:
        entered.leave()
