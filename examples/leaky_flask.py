"""A Flask application of which one gunicorn worker leaks: it remembers every order that it was sent.

The file is also gunicorn's configuration: its hook says to the first worker that it is the leaky one.

    gunicorn --workers 2 --bind 127.0.0.1:8000 --config examples/leaky_flask.py --chdir examples leaky_flask:app

`load_flask.py` beside it starts this under memwatch and sends requests.
"""

import os
from typing import Any

from flask import Flask

app = Flask(__name__)
remembered: list["Order"] = []


class Order:
    """What a customer wants: a number, and a note of some 4 KiB."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.note = f"order {number}, " + "please ring twice " * 230


@app.get("/orders/<int:number>")
def take_order(number: int) -> dict[str, Any]:
    order = Order(number)
    if os.environ.get("FORGETS_NOTHING"):
        remembered.append(order)
    return {"worker": os.getpid(), "number": order.number, "note": len(order.note)}


def post_fork(server: Any, worker: Any) -> None:
    """gunicorn calls this in each new worker, before the application is imported."""
    if worker.age == 1:
        os.environ["FORGETS_NOTHING"] = "1"
