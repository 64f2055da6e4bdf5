"""For how long do `memwatch attach` and `memwatch report PID` hold a running program up, and what is it waiting for?

    python benchmarks/attach.py [--objects N] [--seconds S]

Starts a program without memwatch that notes each step of its main thread that takes more than 5 ms, attaches to it, and
asks for a report. Of the longest step of each part it says by the clock how long it was, how much of it memwatch's
threads were at work on a processor, how long it waited for a processor, which is the machine's load, and the rest: the
debugger had stopped it, or memwatch's thread had the interpreter and waited for a processor itself.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memwatch.attach.injection import attach
from memwatch.reach.client import ask_to_look

PROGRAM = """
import os, sys, time
class Order:
    def __init__(self, n): self.note = f"order {n} " * 40
old, kept, n = [[str(i)] for i in range(int(sys.argv[1]))], [], 0
main = os.getpid()
def spent():
    found = [0, 0, 0]
    for task in os.listdir("/proc/self/task"):
        try: ran, waited, _ = map(int, open(f"/proc/self/task/{task}/schedstat").read().split())
        except OSError: continue
        found[int(task) != main] += ran
        if int(task) == main: found[2] = waited
    return found
print("ready", flush=True)
while True:
    last, before = time.monotonic(), spent()
    for _ in range(10):
        kept.append(Order(n)); n += 1
    time.sleep(0.001)
    now, after = time.monotonic(), spent()
    own, others, waited = [(b - a) / 1e9 for a, b in zip(before, after)]
    if now - last > 0.005: print(now, now - last, own, others, waited, flush=True)
"""


def longest(lines: list[list[float]], since: float, until: float) -> str:
    """The longest step between two moments of the steady clock."""
    found = [line for line in lines if since <= line[0] <= until + 0.5]
    if not found:
        return "no step above 5 ms"
    step, own, others, waited = max(found, key=lambda line: line[1])[1:]
    stopped = max(0.0, step - own - others - waited)
    parts = {"its own work": own, "memwatch's threads": others, "waited for a processor": waited, "stopped": stopped}
    told = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in parts.items())
    return f"{step * 1e3:.0f} ms by the clock: {told}"


def main() -> None:
    """Print the longest step of each part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--objects", type=int, default=200_000, help="lists with a text in each that the program holds")
    parser.add_argument("--seconds", type=float, default=10.0, help="between the two looks of the report")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        script, output = Path(folder, "program.py"), Path(folder, "steps")
        script.write_text(PROGRAM)
        with output.open("w") as told:
            started = subprocess.Popen([sys.executable, script, str(options.objects)], stdout=told)
        try:
            while not output.read_text():
                time.sleep(0.1)
            moments = [time.monotonic()]
            time.sleep(options.seconds)
            moments.append(time.monotonic())
            attach(started.pid, pace="job")
            moments.append(time.monotonic())
            time.sleep(3)
            moments.append(time.monotonic())
            ask_to_look(started.pid, "report", options.seconds)
            moments.append(time.monotonic())
        finally:
            started.kill()
            started.wait()
        lines = [[float(word) for word in line.split()] for line in output.read_text().splitlines()[1:]]
    print(f"before   {longest(lines, moments[0], moments[1] - 0.5)}")
    print(f"attach   {longest(lines, *moments[1:3])}; first answer after {moments[2] - moments[1]:.2f} s")
    print(f"report   {longest(lines, *moments[3:5])}")


if __name__ == "__main__":
    main()
