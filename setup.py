"""Builds memwatch: everything that is fixed stands in setup.cfg; here is what has to be done."""

import _imp
import os
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

STARTUP_FILE = "memwatch.pth"
# In a subinterpreter nothing is imported, for nothing would be done there. What imports threading in one that a thread
# other than the main one has made keeps it from ending, before 3.13.
STARTUP_CODE = """
try:
    import _interpreters as i
except ImportError:
    import _xxsubinterpreters as i
if i.get_current() == i.get_main():
    try: import memwatch.autostart
    except ModuleNotFoundError as e:
        if e.name != 'memwatch': raise
"""
# Words that memwatch does not know are for it to warn about.
OFF = ("", "0", "false", "no", "off")
STARTUP_LINE = f'import os; os.environ.get("MEMWATCH", "").strip().lower() in {OFF} or exec({STARTUP_CODE!r})\n'
SOURCES = Path("memwatch/backend/native")
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
REQUIRED = os.environ.get("MEMWATCH_REQUIRE_NATIVE") == "1"


def knows_this_python() -> bool:
    """Whether native/core/version.h describes the interpreter that builds; others get the pure backend."""
    return (
        sys.implementation.name == "cpython"
        and (3, 11) <= sys.version_info < (3, 16)
        and (not FREE_THREADED or sys.version_info[:2] == (3, 13))
        and os.name == "posix"
        and sys.maxsize > 2**32
    )


def contract() -> str:
    """A number for what the extension offers, which memwatch/backend/__init__.py compares with the file beside it."""
    return _imp.source_hash(0, SOURCES.with_name("_native.pyi").read_bytes()).hex()


def native_sources() -> list[str]:
    """All of them; without a GIL the sampler, and looks at threads that stand still, under a module of their own."""
    rooms = ("meters/malloc.c", "core/memory.c", "core/pointers.c", "sampling/*.c", "libc/*.c", "free_threaded/*.c")
    chosen = {path for room in rooms for path in SOURCES.glob(room)} if FREE_THREADED else set(SOURCES.rglob("*.c"))
    return sorted(str(path) for path in chosen if FREE_THREADED or path.parent.name != "free_threaded")


def include_folders() -> list[str]:
    """Where headers lie; without a GIL those of the interpreter's insides too, which its mimalloc is read by."""
    inside = Path(sysconfig.get_path("include"), "internal")
    return [str(SOURCES), *(map(str, (inside, inside / "mimalloc")) if FREE_THREADED else ())]


class BuildNative(build_ext):
    """Builds the C backend; without a compiler memwatch is installed all the same, and uses its pure backend.

    MEMWATCH_REQUIRE_NATIVE=1 makes the build fail instead. MEMWATCH_CFLAGS adds flags, as for a sanitizer.
    """

    def build_extension(self, ext: Extension) -> None:
        ext.extra_compile_args += ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"]
        more = os.environ.get("MEMWATCH_CFLAGS", "").split()
        ext.extra_compile_args += more
        ext.extra_link_args += more
        super().build_extension(ext)


class Wheel(bdist_wheel):
    """Without the C extension the wheel is py3-none-any: one that bears this platform's tag would stand in for a
    native one wherever it is kept. It is said once."""

    def run(self) -> None:
        self.run_command("build")
        self.skip_build = True
        built = self.get_finalized_command("build_ext").get_outputs()
        if built and not any(map(os.path.exists, built)):
            self.warn("the C extension could not be built: this is the pure wheel, which walks the heap in Python")
            self.distribution.ext_modules = []
            self.root_is_pure = True
        super().run()


class BuildWithStartupFile(build_py):
    """Puts memwatch.pth beside the package, where Python's site module reads it at start-up.

    It costs one look into the environment unless MEMWATCH is set, and nothing breaks if memwatch itself is gone. An
    editable install builds nothing that could carry it.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self._startup_file.parent.mkdir(parents=True, exist_ok=True)
            self._startup_file.write_text(STARTUP_LINE, encoding="ascii")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *([] if self.editable_mode else [str(self._startup_file)])]

    @property
    def _startup_file(self) -> Path:
        return Path(self.build_lib, STARTUP_FILE)


native = Extension(
    "memwatch.backend._native",
    sources=native_sources(),
    depends=[*sorted(map(str, SOURCES.rglob("*.h"))), str(SOURCES.with_name("_native.pyi"))],
    include_dirs=include_folders(),
    define_macros=[("MEMWATCH_CONTRACT", f'"{contract()}"')],
    libraries=["m"],
    optional=not REQUIRED,
)

setup(
    cmdclass={"bdist_wheel": Wheel, "build_ext": BuildNative, "build_py": BuildWithStartupFile},
    ext_modules=[native] if knows_this_python() else [],
)
