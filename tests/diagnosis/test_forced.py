"""Six rounds of growth and `memwatch.gc()` in a program of its own: the printed report names who holds it."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, threading
import memwatch

@memwatch.on("leak")
def told(leak):
    print(leak.report)

class Order:
    def __init__(self, number):
        self.text = f"{{number}} on a stick" + "x" * 4000

{setup}

for turn in range(6):
    for number in range(150):
        {grow}
    memwatch.gc()
"""


CLOSURE = "def make(kept):\n    return lambda number: kept.append(Order(number))\nadd = make([])"
THREAD_LOCAL = "local = threading.local()\nlocal.orders = []"
TASK = """
async def consume(queue):
    pending = []
    while True:
        pending.append(Order(await queue.get()))

loop, queue = asyncio.new_event_loop(), asyncio.Queue()
queue_task = loop.create_task(consume(queue))
loop.run_until_complete(asyncio.sleep(0))

def handle(number):
    queue.put_nowait(number)
    loop.run_until_complete(asyncio.sleep(0))
"""
CLASS = "class Registry:\n    orders = []"


@pytest.mark.parametrize(
    ("setup", "grow", "kind", "holder"),
    [
        ("kept = []", "kept.append(str(number) * 1500)", "str", "module __main__ > kept: list"),
        ("CACHE = {}", "CACHE[turn, number] = Order(number)", "__main__.Order", "module __main__ > CACHE: dict"),
        (CLASS, "Registry.orders.append(Order(number))", "__main__.Order", ".orders: list"),
        (CLOSURE, "add(number)", "__main__.Order", "kept"),
        (TASK, "handle(number)", "__main__.Order", "consume"),
        (THREAD_LOCAL, "local.orders.append(Order(number))", "__main__.Order", "orders"),
    ],
)
def test_the_holder_is_named(setup, grow, kind, holder):
    code = PROGRAM.format(setup=setup, grow=grow)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    assert ran.stdout.count("LEAK") == 1, ran.stdout
    lines = ran.stdout.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("  1  "))
    assert lines[first].startswith(f"  1  {kind}, +")
    assert lines[first + 1].startswith("     held by     ") and holder in lines[first + 1], ran.stdout
    assert "live Python objects" in lines[0]
