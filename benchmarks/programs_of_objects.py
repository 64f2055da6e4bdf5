"""Two programs of many small objects that call each other, for `sampler.py`: a net of constraints and a scheduler."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise

Round = Callable[[], object]


class Variable:
    """A value that constraints compute from others."""

    def __init__(self, name: str, value: float = 0.0) -> None:
        self.name = name
        self.value = value
        self.constraints: list[Constraint] = []
        self.determined_by: Constraint | None = None
        self.mark = 0


class Constraint:
    """output = sum of inputs times scale, plus offset; the stronger of two that want one output has it."""

    def __init__(self, inputs: list[Variable], output: Variable, scale: float, offset: float, strength: int) -> None:
        self.inputs = inputs
        self.output = output
        self.scale = scale
        self.offset = offset
        self.strength = strength
        for variable in (*inputs, output):
            variable.constraints.append(self)

    def execute(self) -> None:
        """Compute the output."""
        self.output.value = sum(variable.value for variable in self.inputs) * self.scale + self.offset

    def is_satisfied(self) -> bool:
        """Whether it is the one that determines its output."""
        return self.output.determined_by is self


class Planner:
    """Adds and removes constraints, and plans in which order they are to be executed."""

    def __init__(self) -> None:
        self.mark = 0

    def add(self, constraint: Constraint) -> None:
        """Let it determine its output unless a stronger one does."""
        current = constraint.output.determined_by
        if current is None or current.strength < constraint.strength:
            constraint.output.determined_by = constraint
            for step in self.plan([constraint]):
                step.execute()

    def plan(self, sources: list[Constraint]) -> list[Constraint]:
        """The constraints that *sources* lead to, each once, in the order in which values flow."""
        self.mark += 1
        waiting, found = deque(sources), []
        while waiting:
            constraint = waiting.popleft()
            if constraint.output.mark != self.mark:
                constraint.output.mark = self.mark
                found.append(constraint)
                waiting.extend(self.consumers(constraint.output))
        return found

    def consumers(self, variable: Variable) -> Iterator[Constraint]:
        """The satisfied constraints that read *variable*."""
        for constraint in variable.constraints:
            if constraint.is_satisfied() and variable in constraint.inputs:
                yield constraint


def run_chain(length: int, edits: int) -> float:
    planner = Planner()
    chain = [Variable(f"v{number}") for number in range(length)]
    for before, after in pairwise(chain):
        planner.add(Constraint([before], after, 1.0, 1.0, 1))
    plan = planner.plan([constraint for constraint in chain[0].constraints if constraint.is_satisfied()])
    for number in range(edits):
        chain[0].value = number * 0.5
        for constraint in plan:
            constraint.execute()
    return chain[-1].value


def make_constraints() -> Round:
    """A chain of 40 constraints built, planned, and executed for 20 values."""
    return lambda: run_chain(40, 20)


class Packet:
    """What tasks send each other."""

    __slots__ = ("kind", "payload", "target")

    def __init__(self, target: int, kind: str, payload: list[int]) -> None:
        self.target = target
        self.kind = kind
        self.payload = payload


class Task:
    """Has a queue of packets and handles one at a time."""

    def __init__(self, number: int, kernel: Kernel) -> None:
        self.number = number
        self.kernel = kernel
        self.queue: deque[Packet] = deque()
        self.handled = 0

    def is_ready(self) -> bool:
        """Whether there is something to do."""
        return bool(self.queue)

    def step(self) -> None:
        """Handle one packet."""
        self.handle(self.queue.popleft())
        self.handled += 1

    def handle(self, packet: Packet) -> None:
        """Pass it on; kinds of tasks do more."""
        packet.target = (packet.target + 1) % len(self.kernel.tasks)
        self.kernel.send(packet)


class Worker(Task):
    """Computes and passes on."""

    def handle(self, packet: Packet) -> None:
        payload = [(value * 3 + self.number) % 26 for value in packet.payload]
        self.kernel.send(Packet((self.number + 1) % len(self.kernel.tasks), "work", payload))


class Device(Task):
    """Answers with what it counts."""

    def handle(self, packet: Packet) -> None:
        packet.payload[0] = self.handled
        super().handle(packet)


class Kernel:
    """Lets tasks run in turn until so many packets were handled."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def send(self, packet: Packet) -> None:
        """Queue *packet* at its target."""
        self.tasks[packet.target].queue.append(packet)

    def run(self, steps: int) -> int:
        """How many were handled."""
        done = 0
        while done < steps:
            for task in self.tasks:
                if task.is_ready():
                    task.step()
                    done += 1
        return done


def run_kernel(steps: int) -> int:
    kernel = Kernel()
    kernel.tasks = [(Device if number % 3 == 2 else Worker)(number, kernel) for number in range(9)]
    for number in range(6):
        kernel.send(Packet(number, "work", [number, 1, 2, 3]))
    return kernel.run(steps)


def make_scheduler() -> Round:
    """Nine tasks that pass six packets round, 2000 times."""
    return lambda: run_kernel(2000)
