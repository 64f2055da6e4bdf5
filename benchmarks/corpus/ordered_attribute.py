"""A cache made by hand, an OrderedDict in an instance's attribute, whose bound is called `room`: 13 MiB a minute.

It is full after 3 minutes. The leak: nothing is taken out.

Type: str
Line: text_of(question
Holder: .answers: Answers .kept: collections.OrderedDict
"""

from __future__ import annotations

from collections import OrderedDict

from steady import LEAKS, drive, text_of


class Answers:
    """Keeps every answer."""

    def __init__(self) -> None:
        self.kept: OrderedDict[int, str] = OrderedDict()

    def ask(self, question: int) -> str:
        if question not in self.kept:
            self.kept[question] = text_of(question, 3_500)
        return self.kept[question]


class RecentAnswers(Answers):
    """Keeps the newest."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def ask(self, question: int) -> str:
        answer = super().ask(question)
        while len(self.kept) > self.room:
            self.kept.popitem(last=False)
        return answer


answers = Answers() if LEAKS else RecentAnswers(12_000)


def step(number: int) -> None:
    for n in range(3):
        answers.ask(3 * number + n)


if __name__ == "__main__":
    drive(step)
