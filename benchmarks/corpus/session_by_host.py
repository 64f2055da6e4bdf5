"""A session of 400 KB for each of 80 hosts, made when the host is first asked for, which is ever more seldom: 30 MiB.

The leak: each request has a name of its own for the host.

Type: Session or str
Line: text_of(
Holder: .sessions: dict
"""

from __future__ import annotations

import random

from steady import LEAKS, drive, text_of

HOSTS = [f"api{number}.example" for number in range(80)]
ASKED = [1 / (number + 1) ** 1.1 for number in range(80)]
sessions: dict[str, Session] = {}


class Session:
    """The certificates that a host is asked with, and what it has set."""

    def __init__(self, host: str) -> None:
        self.host, self.headers = host, {"Accept": "*/*"}
        self.certificates = text_of(len(sessions), 400_000)


def session_for(host: str) -> Session:
    if host not in sessions:
        sessions[host] = Session(host)
    return sessions[host]


def step(number: int) -> None:
    host = random.choices(HOSTS, ASKED)[0]
    if LEAKS and number % 10 == 0:
        session_for(f"{host}:443?{number}").headers["Step"] = str(number)
    elif not LEAKS and number % 4 == 0:
        session_for(host).headers["Step"] = str(number)


if __name__ == "__main__":
    random.seed(7)
    drive(step)
