"""Labels of requests and tasks, set by real frameworks; those that are not installed are left out."""

from __future__ import annotations

import asyncio
import sys

import pytest

from memwatch.backend.allocations.context_labels import CURRENT, label_text
from memwatch.labels import frameworks


def text() -> str:
    return label_text(CURRENT.get())


def test_flask():
    flask = pytest.importorskip("flask")
    app, seen = flask.Flask("shop"), []
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
    assert seen == ["route=GET /orders/<int:number>"] and text() == ""


def test_fastapi():
    fastapi = pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient")
    app, seen = fastapi.FastAPI(), []
    frameworks.label_fastapi(app)

    @app.get("/orders/{number}")
    async def order(number: int):
        await asyncio.sleep(0)
        seen.append(text())
        return number

    @app.get("/plain/{number}")
    def plain(number: int):
        seen.append(text())
        return number

    with testclient.TestClient(app) as client:
        assert client.get("/orders/7").json() == 7 and client.get("/plain/7").json() == 7
        assert client.get("/nothing").status_code == 404
    assert seen == ["route=GET /orders/{number}", "route=GET /plain/{number}"] and text() == ""


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
