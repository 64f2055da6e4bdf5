"""Asking what objects refer to must not kill a process, whatever the version."""

import asyncio
import collections
import gc
import subprocess
import sys

from memwatch.backend.census.referents import FrozenDict, kind_of_dict, referents_of


class Counted(dict):
    """A dict that must not be asked through methods of its own."""

    def __iter__(self):
        return iter(())

    def keys(self):
        raise AssertionError


def test_it_is_what_the_collector_sees():
    first, second = [object()], {"key": object()}
    assert {*map(id, referents_of((first, second)))} >= {*map(id, gc.get_referents(first, second))}


def test_keys_of_every_kind_of_dict_are_seen():
    for kind in (dict, collections.OrderedDict, Counted, FrozenDict):
        texts = kind((f"key {number}", number) for number in range(3))
        mixed = kind([("a", 1), (2.5, 2)])
        assert {*map(id, kind_of_dict(texts).keys(texts))} <= {*map(id, referents_of((texts,)))}
        assert {*map(id, kind_of_dict(mixed).keys(mixed))} <= {*map(id, referents_of((mixed,)))}


def test_modules_are_followed_to_their_names():
    (names,) = (found for found in referents_of((asyncio,)) if type(found) is dict)
    assert names is vars(asyncio)


def test_asyncio_lives_on_after_walks():
    code = """if True:
        import _asyncio, asyncio, faulthandler, types
        faulthandler.dump_traceback_later(60, exit=True)
        from memwatch.heap import take_snapshot
        from memwatch.retain import find_holdings
        from memwatch.retain.attributes import attribute_of

        class Lazy(types.ModuleType):
            '''As importlib.util.LazyLoader makes of a module for a while.'''

        async def main():
            await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(5)))

        for _ in range(4):
            asyncio.run(main())
            find_holdings(take_snapshot().addresses)
            assert attribute_of(_asyncio, main) is None
            _asyncio.__class__, _asyncio.__name__ = Lazy, "renamed"
            assert attribute_of(_asyncio, main) is None
            _asyncio.__class__, _asyncio.__name__ = types.ModuleType, "_asyncio"
        asyncio.run(main())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
