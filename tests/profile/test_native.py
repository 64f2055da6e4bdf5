"""`profile.start(native=True)`: what C libraries allocate is in the profile, or it is said why it cannot be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from memwatch import profile
from memwatch.backend.allocations import source
from memwatch.errors import AlreadyStartedError, OptionError, UnsupportedError
from memwatch.retain.search import IN_C


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    profile.stop()


def insert(database: sqlite3.Connection) -> None:
    database.execute("create table texts (text)")
    database.executemany("insert into texts values (?)", [(f"{number:01000}",) for number in range(1000)])


def held_by_insert() -> int:
    found = profile.get()
    return sum(node.self_bytes for node in found.nodes() if node.function == "insert")


@pytest.mark.parametrize("value", [1, "yes", None])
def test_it_is_true_or_false(value: object) -> None:
    with pytest.raises(OptionError, match="native must be True or False"):
        profile.start(native=value)  # type: ignore[arg-type]


@pytest.mark.skipif(IN_C, reason="there is a sampler")
def test_without_the_c_extension_it_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="by the C extension alone"):
        profile.start(native=True)
    assert not profile.is_running()


if IN_C:
    from memwatch.backend import _native
    from memwatch.backend.allocations import sampler

    @pytest.fixture
    def here() -> None:
        if not any(name.startswith("libsqlite3") for name, *_ in _native.sampling_native_slots()):
            pytest.skip("sqlite is no library of its own here, or the platform is not known")

    def is_on() -> bool:
        return _native.sampling_native_stats()["on"]

    @pytest.mark.usefixtures("here")
    def test_memory_of_a_library_is_in_the_profile_and_goes() -> None:
        profile.start(sample_interval=16384, native=True)
        database = sqlite3.connect(":memory:")
        insert(database)
        assert 0.7e6 < held_by_insert() < 1.8e6
        assert "what C libraries take from the C allocator is in it" in profile.get().notes
        database.close()
        assert held_by_insert() < 0.3e6
        profile.stop()
        assert not is_on()
        profile.start(sample_interval=16384)
        database = sqlite3.connect(":memory:")
        insert(database)
        assert held_by_insert() < 0.3e6 and not is_on()
        database.close()

    @pytest.mark.usefixtures("here")
    def test_it_is_on_as_long_as_anybody_needs_it() -> None:
        second = sampler.Sampling()
        second.start(65536, 16)
        with profile.sampling(native=True):
            assert is_on()
            with pytest.raises(AlreadyStartedError, match="native=True"):
                profile.start()
        assert second.running and not is_on()
        second.look_at_native(True)
        profile.start()
        assert is_on()
        second.stop()
        assert profile.is_running() and not is_on()

    def test_where_it_cannot_be_had_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(wanted: bool) -> None:
            raise RuntimeError("it cannot be told where the allocator of this process is")

        monkeypatch.setattr(_native, "sampling_native", refuse)
        with pytest.raises(UnsupportedError, match="where the allocator of this process is"):
            profile.start(native=True)
        assert not profile.is_running() and not _native.sampling_running()
        assert source.start_source(65536, 8)[1] == ""
        _native.sampling_stop()
