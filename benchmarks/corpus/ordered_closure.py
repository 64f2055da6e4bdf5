"""A memo made by hand in a closure, as decorators have them, with a bound: 23 MiB a minute, full in 2 minutes.

The leak: a decorator without the bound.

Type: str
Line: text_of(page
Holder: .render store: dict
"""

from __future__ import annotations

from collections.abc import Callable

from steady import LEAKS, drive, text_of

Render = Callable[[int], str]


def remembered(function: Render) -> Render:
    store: dict[int, str] = {}

    def remembering(page: int) -> str:
        if page not in store:
            store[page] = function(page)
        return store[page]

    return remembering


def remembered_up_to(size: int) -> Callable[[Render], Render]:
    def decorate(function: Render) -> Render:
        store: dict[int, str] = {}

        def remembering(page: int) -> str:
            if page not in store:
                if len(store) >= size:
                    del store[next(iter(store))]
                store[page] = function(page)
            return store[page]

        return remembering

    return decorate


@(remembered if LEAKS else remembered_up_to(2_400))
def render(page: int) -> str:
    return text_of(page, 20_000)


if __name__ == "__main__":
    drive(render)
