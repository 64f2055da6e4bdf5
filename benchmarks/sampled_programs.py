"""The programs that `sampler.py` measures the sampler on: what services do all day.

Each `make_...` prepares one program and returns its round, a function that does about a millisecond of work; REAL lists
them by name. Some need a package of their own and raise ImportError without it.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import dataclasses
import difflib
import io
import json
import logging
import pickle
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

from programs_of_objects import make_constraints, make_scheduler

Round = Callable[[], object]

DOCUMENT = {f"key {i}": [i, i * 0.5, str(i), {"name": f"name {i}", "tags": ["a", "b"]}] for i in range(200)}
ROWS = [{"number": i, "name": f"row <{i}>", "price": i * 1.25, "tags": [f"tag {i % 7}", "all"]} for i in range(60)]
PAGE = "<html><body><table class='rows'>{}</table></body></html>".format(
    "".join(
        f"<tr id='r{i}'><td>{i}</td><td class=name>row &lt;{i}&gt;</td><td><a href='/{i}'>go</a></td></tr>"
        for i in range(60)
    )
)


def make_json_dumps() -> Round:
    """A document of some 20 KiB, written."""
    return lambda: [json.dumps(DOCUMENT) for _ in range(4)]


def make_json_loads() -> Round:
    """The same, read."""
    text = json.dumps(DOCUMENT)
    return lambda: [json.loads(text) for _ in range(6)]


def make_jinja() -> Round:
    """A page of 60 rows from a Jinja template."""
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(
        "<table>{% for row in rows %}<tr class={{ loop.cycle('odd', 'even') }}><td>{{ row.number }}</td>"
        "<td>{{ row.name }}</td><td>{{ '%.2f' % row.price }}</td><td>{{ row.tags|join(', ') }}</td></tr>"
        "{% endfor %}</table>"
    )
    return lambda: [template.render(rows=ROWS) for _ in range(4)]


def make_mako() -> Round:
    """The same from a Mako template."""
    from mako.template import Template  # type: ignore[import-not-found]

    template = Template(
        "<table>\n% for row in rows:\n<tr><td>${row['number']}</td><td>${row['name'] | h}</td>"
        "<td>${'%.2f' % row['price']}</td><td>${', '.join(row['tags'])}</td></tr>\n% endfor\n</table>"
    )
    return lambda: [template.render(rows=ROWS) for _ in range(12)]


def make_django() -> Round:
    """The same from a Django template."""
    from django.conf import settings  # type: ignore[import-not-found]
    from django.template import Context, Engine  # type: ignore[import-not-found]

    settings.configure(USE_I18N=False)
    template = Engine().from_string(
        "<table>{% for row in rows %}<tr><td>{{ row.number }}</td><td>{{ row.name }}</td>"
        '<td>{{ row.price|floatformat:2 }}</td><td>{{ row.tags|join:", " }}</td></tr>{% endfor %}</table>'
    )

    def work() -> object:
        return template.render(Context({"rows": ROWS}, use_l10n=False))

    return work


def make_pickle() -> Round:
    """A document through the pickler and the unpickler that are written in Python."""
    pickler, unpickler = pickle._Pickler, pickle._Unpickler  # type: ignore[attr-defined]
    part = dict(list(DOCUMENT.items())[:40])

    def work() -> object:
        file = io.BytesIO()
        pickler(file, 4).dump(part)
        return unpickler(io.BytesIO(file.getvalue())).load()

    return work


def make_sqlalchemy() -> Round:
    """Ten rows written, read and changed through SQLAlchemy's session."""
    import sqlalchemy as sa  # type: ignore[import-not-found]
    from sqlalchemy.orm import DeclarativeBase, Session  # type: ignore[import-not-found]

    class Base(DeclarativeBase):  # type: ignore[misc]
        pass

    class Order(Base):
        __tablename__ = "orders"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String)
        price = sa.Column(sa.Float)

    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)

    def work() -> object:
        with Session(engine) as session:
            session.add_all([Order(name=f"order {i}", price=i * 1.5) for i in range(10)])
            session.flush()
            for order in session.scalars(sa.select(Order).where(Order.price > 3).order_by(Order.name)):
                order.price += 1
            session.flush()
            session.rollback()
        return None

    return work


def make_async_tree() -> Round:
    """A tree of 121 coroutines, each branch gathered as tasks."""

    async def node(depth: int) -> int:
        if not depth:
            await asyncio.sleep(0)
            return 1
        return sum(await asyncio.gather(*[node(depth - 1) for _ in range(3)]))

    loop = asyncio.new_event_loop()
    return lambda: loop.run_until_complete(node(4))


def make_regex() -> Round:
    """Four regular expressions, compiled anew."""
    patterns = [rf"(?P<n{i}>[a-z_]+)\s*(?:=\s*(\d+|\"[^\"]*\"))?(,|;|$)|(?<!x)y{{2,{i + 3}}}" for i in range(4)]

    def work() -> object:
        re.purge()
        return [re.compile(pattern) for pattern in patterns]

    return work


def make_logging() -> Round:
    """Two hundred records through a formatter into a text."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.Logger("orders")
    logger.addHandler(handler)

    def work() -> object:
        stream.seek(0)
        for number in range(200):
            logger.info("order %d of %s costs %.2f", number, "somebody", number * 0.5)
        return stream.truncate()

    return work


def make_html() -> Round:
    """A page of 60 rows through the standard library's parser."""

    class Cells(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: list[Any] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.append((tag, dict(attrs)))

        def handle_data(self, data: str) -> None:
            self.found.append(data)

    def work() -> object:
        parser = Cells()
        parser.feed(PAGE)
        return parser.found

    return work


def make_html5lib() -> Round:
    """A part of it through html5lib."""
    import html5lib  # type: ignore[import-not-found]

    part = PAGE[: len(PAGE) // 4]
    return lambda: html5lib.parse(part)


def make_xml() -> Round:
    """A tree of 600 elements built, written, read and searched."""

    def work() -> object:
        root = ElementTree.Element("orders")
        for row in ROWS * 5:
            element = ElementTree.SubElement(root, "order", number=str(row["number"]))
            ElementTree.SubElement(element, "name").text = str(row["name"])
        read = ElementTree.fromstring(ElementTree.tostring(root))
        return [name.text for name in read.iter("name")]

    return work


def make_flask() -> Round:
    """Two requests through Flask's whole stack, without a socket."""
    from flask import Flask, jsonify

    app = Flask(__name__)

    @app.get("/orders/<int:number>")
    def order(number: int) -> Any:
        return jsonify(number=number, lines=[{"item": i, "price": i * 1.5} for i in range(10)])

    client = app.test_client()
    return lambda: [client.get(f"/orders/{number}").data for number in range(2)]


def make_csv() -> Round:
    """Three hundred rows written and read back."""

    def work() -> object:
        file = io.StringIO()
        writer = csv.DictWriter(file, ["number", "name", "price"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(ROWS * 5)
        return list(csv.DictReader(io.StringIO(file.getvalue())))

    return work


def make_difflib() -> Round:
    """A unified diff of two texts of 120 lines."""
    chance = random.Random(2026)
    before = [f"line {chance.randrange(40)} of the text\n" for _ in range(120)]
    after = [line for line in before if chance.random() < 0.8]
    return lambda: list(difflib.unified_diff(before, after))


def make_argparse() -> Round:
    """A parser with ten options, made and used."""

    def work() -> object:
        parser = argparse.ArgumentParser(prog="orders", description="Orders.")
        for number in range(10):
            parser.add_argument(f"--option-{number}", type=int, default=number, help=f"option {number}")
        parser.add_argument("names", nargs="*")
        return parser.parse_args(["--option-3", "5", "--option-7=8", "first", "second"])

    return work


def make_dataclasses() -> Round:
    """Five hundred values made, replaced, compared and turned into dicts."""

    @dataclasses.dataclass(frozen=True, order=True)
    class Order:
        number: int
        name: str
        lines: tuple[int, ...] = ()

    def work() -> object:
        orders = [Order(number * 7919 % 1009, f"order {number}") for number in range(250)]
        orders = sorted(dataclasses.replace(order, lines=(order.number, 1)) for order in orders)
        return [dataclasses.asdict(order) for order in orders[:100]]

    return work


REAL: dict[str, Callable[[], Round]] = {
    "JSON, written": make_json_dumps,
    "JSON, read": make_json_loads,
    "Jinja": make_jinja,
    "Mako": make_mako,
    "Django template": make_django,
    "constraints": make_constraints,
    "scheduler": make_scheduler,
    "pickle in Python": make_pickle,
    "SQLAlchemy": make_sqlalchemy,
    "tree of tasks": make_async_tree,
    "regex compiled": make_regex,
    "logging": make_logging,
    "HTML": make_html,
    "html5lib": make_html5lib,
    "XML": make_xml,
    "Flask": make_flask,
    "CSV": make_csv,
    "difflib": make_difflib,
    "argparse": make_argparse,
    "dataclasses": make_dataclasses,
}
