"""From what a walk and the samples found at the end of a run to what is reported of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..backend.allocations.live import Sampled
from ..diagnosis.causes import name_type, words_for
from ..diagnosis.lines import Lines, Site
from ..diagnosis.places import own_frames, place_of
from ..internal import internal
from ..render.source import source_line
from ..retain import Holding, RootKind
from .findings import Left

_MOST_TESTS = 1000
_FIRST = 0.7  # of the bytes: a library's cache is filled by one test, the first that uses it, and renewed by others
_MORE = 1.5  # times as many bytes as are held, by what samples can tell
_RUNNERS = ("/_pytest/", "/pluggy/", "/xdist/", "/execnet/")


@internal
class Attribution:
    """Tells by *samples* which lines and which tests allocated; *is_app* is whether a file is the program's own code,
    *test_at* the test at a moment of the steady clock, empty before the first. In a run of more than a *single* test,
    what one test alone has left in a library is not reported: so are caches filled, when they are first used."""

    def __init__(
        self,
        samples: Sequence[Sampled],
        is_app: Callable[[str], bool],
        test_at: Callable[[int], str],
        single: bool = False,
    ) -> None:
        self._is_single = single
        self._samples = _tests_part(samples, is_app)
        self._lines = Lines(self._samples, is_app)
        self._is_app, self._test_at = is_app, test_at

    def rows(self, holdings: Iterable[Holding]) -> tuple[Left, ...]:
        """A row for each place, most bytes first; a place that two looks tell of has one, that of the first."""
        rows: dict[str, Left] = {}
        for held in holdings:
            row = self._row(held)
            if self._is_single or not (_is_first_s(row) and self._is_library_s(held)):
                rows.setdefault(held.path.fingerprint, row)
        return tuple(sorted(rows.values(), key=lambda row: -row.size_bytes))

    def _is_library_s(self, held: Holding) -> bool:
        """Whether it lies in a module of an installed package."""
        root = held.path.root
        file = getattr(sys.modules.get(root.name), "__file__", None) if root.kind is RootKind.MODULE else None
        return bool(file) and not self._is_app(str(file))

    def _row(self, held: Holding) -> Left:
        named, words = name_type(held), words_for(held, counts=False)
        site, labels = self._site(held, named)
        tests = self._tests(site, labels, held.retained_bytes) if site is not None else []
        frame = own_frames(site.frames)[0] if site is not None else None
        return Left(
            type=named,
            count=held.type_counts.get(named, held.targets),
            size_bytes=held.retained_bytes,
            held_by=held.path.text,
            place=held.path.fingerprint,
            allocated_at=place_of(frame) if frame else "",
            source=source_line(frame["file"], frame["line"]) if frame else "",
            cause=words.cause,
            hint=words.hint,
            tests=tuple(tests[:_MOST_TESTS]),
            test_count=len(tests),
        )

    def _site(self, held: Holding, named: str) -> tuple[Site | None, set[str]]:
        """The line of what is held, and the types that it was found by: of the named one, else of what comes with it.

        Of builtin types there is much that others hold: a line that has allocated far more of them is not believed.
        """
        for labels in ({named}, {held.frontier_type}, set(held.type_counts)):
            site = self._lines.of_types(labels)
            if site is not None and ("." in site.label or site.size_bytes <= _MORE * held.retained_bytes):
                return site, labels
        return None, set()

    def _tests(self, site: Site, labels: set[str], held_bytes: int) -> list[tuple[str, int]]:
        """The tests that allocated at a place, and how many bytes each, the most first.

        Where a class of the program's is made at many lines, as each test does that declares a model, no line has most
        of it: then the tests at all of them.
        """
        own = own_frames(site.frames)[0]
        place = own["function"], own["file"], own["line"]
        here, anywhere = Counter[str](), Counter[str]()
        for sample in self._samples:
            if sample.label in labels:
                size, test = round(sample.size_bytes), self._test_at(sample.birth)
                anywhere[test] += size
                if any((it.function, it.file, it.line) == place for it in sample.places):
                    here[test] += size
        has_many_lines = here.total() < anywhere.total() / 2 and anywhere.total() <= _MORE * held_bytes
        sizes = anywhere if has_many_lines and all("." in label for label in labels) else here
        return [(test, size) for test, size in sizes.most_common() if test]


def _is_first_s(row: Left) -> bool:
    """Whether one test has allocated nearly all of it."""
    sizes = [size for _, size in row.tests]
    return bool(sizes) and sizes[0] >= _FIRST * sum(sizes)


def _tests_part(samples: Iterable[Sampled], is_app: Callable[[str], bool]) -> list[Sampled]:
    """Those of *samples* that a test's code took, each without the frames of the test runner that called it."""
    found = []
    for sample in samples:
        length = next((n for n, frame in enumerate(sample.places) if _is_runner_s(frame.file)), len(sample.places))
        if any(is_app(frame.file) for frame in sample.places[:length]):
            found.append(replace(sample, places=sample.places[:length]))
    return found


def _is_runner_s(file: str) -> bool:
    return any(part in file.replace("\\", "/") for part in _RUNNERS)
