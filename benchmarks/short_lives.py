"""Real programs whose workers live half a minute: is a leak found within a few lives, and are healthy ones silent?

    python benchmarks/short_lives.py [--seconds 30] [--lives 7]

Each program forks one worker after the other and serves 25 orders a second of 4 KiB; all run beside each other, each
under `memwatch run --record`. What is printed is the last line of each run, and what `memwatch report` says.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HEAD = """
import functools, os, sys, time
from collections import OrderedDict

class Order:
    def __init__(self, number):
        self.number = number
        self.note = f"order {number} " + "x" * 4000
"""

KINDS = {
    "leak": """
remembered = []
def serve(number):
    remembered.append(Order(number))
""",
    "bounded": """
@functools.lru_cache(maxsize=200_000)
def price(number):
    return Order(number)
def serve(number):
    price(number)
""",
    "expiring": """
sessions = {}
def serve(number):
    sessions[number] = (time.monotonic(), Order(number))
    if number % 50 == 0:
        for key in [key for key, (at, _) in sessions.items() if at < time.monotonic() - 60]:
            sessions.pop(key)
""",
    "recent": """
recent = OrderedDict()
def serve(number):
    recent[number] = Order(number)
    if len(recent) > 50_000:
        recent.popitem(last=False)
""",
    "warm-up": """
settings, begun = {}, time.monotonic()
def serve(number):
    if number % max(1, int((time.monotonic() - begun) % 30)) == 0:
        settings[number] = Order(number)
""",
    "idle": """
def serve(number):
    Order(number)
""",
}

TAIL = """
def work(seconds):
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1
        serve(number)
        time.sleep(0.04)

for life in range(int(sys.argv[2])):
    pid = os.fork()
    if not pid:
        work(float(sys.argv[1]))
        sys.exit(0)
    os.waitpid(pid, 0)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of a life")
    parser.add_argument("--lives", type=int, default=7)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = {}
        for kind in args.kinds:
            script = Path(folder, f"{kind}.py")
            script.write_text(HEAD + KINDS[kind] + TAIL)
            words = ["-m", "memwatch", "run", "--record", f"{folder}/{kind}.db", str(script)]
            words += [str(args.seconds), str(args.lives)]
            started[kind] = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True)
        for kind, process in started.items():
            _, said = process.communicate()
            print(f"{kind}: {said.strip().splitlines()[-1]}")
            subprocess.run([sys.executable, "-m", "memwatch", "report", f"{folder}/{kind}.db"], check=True)


if __name__ == "__main__":
    main()
