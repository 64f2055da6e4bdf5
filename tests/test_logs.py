"""What memwatch logs comes from where it was logged, and handlers of the program's that raise harm nobody."""

import ast
import logging
from pathlib import Path

import pytest

import memwatch
from memwatch.logs import Log

PACKAGE = Path(memwatch.__file__).parent


class Raising(logging.Handler):
    """Keeps a record, and fails."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)
        raise OSError("no connection")


@pytest.fixture
def handler():
    logger, handler = logging.getLogger("memwatch"), Raising()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_nothing_that_a_handler_raises_comes_back(handler):
    log = Log()
    log.warning("memory of %s", "this")
    log.error("memory", exc_info=KeyError("one"))
    log.log(logging.CRITICAL, "memory", extra={"memwatch_report": {}})
    try:
        raise ValueError
    except ValueError:
        log.exception("memory")
    said = [(it.levelname, it.getMessage(), it.filename, it.exc_info and it.exc_info[0]) for it in handler.records]
    here = Path(__file__).name
    assert said == [
        ("WARNING", "memory of this", here, None),
        ("ERROR", "memory", here, KeyError),
        ("CRITICAL", "memory", here, None),
        ("ERROR", "memory", here, ValueError),
    ]
    assert handler.records[2].memwatch_report == {}


def test_all_that_memwatch_says_goes_that_way():
    def loggers(path):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "getLogger":
                yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))

    found = {path.name for path in PACKAGE.rglob("*.py") if any(str(it).startswith("memwatch") for it in loggers(path))}
    assert found == {"logs.py"}
