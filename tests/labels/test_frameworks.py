"""Labels of requests and tasks, set by real frameworks; those that are not installed are left out."""

from __future__ import annotations

import asyncio
import sys

import pytest

import memwatch
from memwatch.backend import name as backend
from memwatch.backend.allocations.context_labels import label_now as text
from memwatch.labels import frameworks


class Own:
    """A way to dispatch that Flask does not know."""

    def dispatch_request(self, *context):
        return super().dispatch_request(*context)


@pytest.mark.parametrize("bases", [(), (Own,)], ids=["as it is", "dispatching in its own way"])
def test_flask(bases):
    flask = pytest.importorskip("flask")
    app, seen = type("App", (*bases, flask.Flask), {})("shop"), []
    frameworks.label_flask(app)

    @app.get("/orders/<int:number>")
    def order(number):
        seen.append(text())
        return {"number": 1 // (number - 3)}

    client = app.test_client()
    assert client.get("/orders/7").status_code == 200
    assert client.get("/orders/3").status_code == 500
    assert client.get("/nothing").status_code == 404
    assert seen == ["route=GET /orders/<int:number>"] * 2
    assert text() == ""


@pytest.mark.skipif(backend != "native", reason="without C labels are set at each request")
def test_flask_does_nothing_at_a_request_and_the_rule_is_named_when_it_is_read():
    flask = pytest.importorskip("flask")
    app, seen = flask.Flask("shop"), []
    frameworks.label_flask(app)
    assert "dispatch_request" not in vars(app), "nothing is wrapped"

    @app.route("/orders", methods=["GET", "POST"])
    def orders():
        with memwatch.label(step="two"):
            seen.append(text())
        with memwatch.label(route="of its own"):
            seen.append(text())
        return seen[0]

    assert app.test_client().post("/orders").status_code == 200
    assert seen == ["route=GET|POST /orders, step=two", "route=of its own"] and text() == ""


def test_django():
    django = pytest.importorskip("django")
    from django.conf import settings
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import path

    seen = []

    def order(request, number):
        seen.append(text())
        return HttpResponse(str(number))

    module = type(sys)("shop_urls")
    module.urlpatterns = [path("orders/<int:number>", order)]
    sys.modules["shop_urls"] = module
    settings.configure(
        ROOT_URLCONF="shop_urls", MIDDLEWARE=["memwatch.labels.frameworks.DjangoLabels"], ALLOWED_HOSTS=["*"]
    )
    django.setup()
    assert Client().get("/orders/7").status_code == 200 and Client().get("/nothing").status_code == 404
    assert Client().generic("MADEUP7", "/orders/7").status_code == 200
    assert seen == [f"route={method} /orders/<int:number>" for method in ("GET", "(other method)")] and text() == ""


def test_fastapi():
    fastapi = pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient")
    app, seen = fastapi.FastAPI(), []
    frameworks.label_fastapi(app)
    frameworks.label_fastapi(app)
    orders, shop, mounted = fastapi.APIRouter(prefix="/orders"), fastapi.APIRouter(), fastapi.FastAPI()

    async def waits(number: int):
        await asyncio.sleep(0)
        seen.append(text())
        return number

    def plain(number: int):
        seen.append(text())
        return number

    for place in (app, orders):
        place.get("/waits/{number}")(waits)
        place.get("/plain/{number}")(plain)
    shop.include_router(orders, prefix="/shop")
    app.include_router(shop, prefix="/v1")
    mounted.include_router(orders)
    app.mount("/of/{tenant}", mounted)
    with testclient.TestClient(app) as client:
        for before in ("", "/v1/shop/orders", "/of/5/orders"):
            assert client.get(f"{before}/waits/7").json() == 7 and client.get(f"{before}/plain/7").json() == 7
            assert client.delete(f"{before}/plain/7").status_code == 405
        assert client.get("/nothing").status_code == 404
    befores = ("", "/v1/shop/orders", "/of/{tenant}/orders")
    assert seen == [f"route=GET {before}/{name}/{{number}}" for before in befores for name in ("waits", "plain")]
    assert text() == ""


def test_starlette():
    applications = pytest.importorskip("starlette.applications")
    testclient = pytest.importorskip("starlette.testclient")
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def order(request):
        return PlainTextResponse(text())

    class Any:
        def __init__(self, scope, receive, send):
            self.to = scope, receive, send

        def __await__(self):
            return PlainTextResponse(text())(*self.to).__await__()

    routes = [Route("/orders/{number}", order), Route("/any", Any), Route("/old", order, methods=["PURGE"])]
    app = applications.Starlette(routes=[Mount("/of/{tenant}", routes=[Mount("/shop", routes=routes)]), *routes])
    frameworks.label_fastapi(app)
    client = testclient.TestClient(app)
    assert client.get("/orders/7").text == "route=GET /orders/{number}"
    assert client.get("/of/5/shop/orders/7").text == "route=GET /of/{tenant}/shop/orders/{number}"
    assert client.request("PURGE", "/old").text == "route=PURGE /old"
    assert client.request("MADEUP7", "/any").text == "route=(other method) /any"
    assert text() == ""


def test_celery():
    celery = pytest.importorskip("celery")
    app, seen = celery.Celery("shop", broker="memory://", backend="cache+memory://"), []
    app.conf.task_always_eager = True
    frameworks.label_celery()

    @app.task(name="shop.add")
    def add(left, right):
        seen.append(text())
        return left + right

    assert add.delay(1, 2).get() == 3
    assert seen == ["task=shop.add"] and text() == "" and frameworks._tasks == {}
