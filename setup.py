"""Builds memwatch: everything that is fixed stands in setup.cfg; here is what has to be done."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

STARTUP_FILE = "memwatch.pth"
STARTUP_LINE = (
    "import os; "
    'os.environ.get("MEMWATCH") == "1" and '
    "exec(\"try: import memwatch.autostart\\nexcept ModuleNotFoundError as e:\\n if e.name != 'memwatch': raise\")\n"
)


class BuildWithStartupFile(build_py):
    """Puts memwatch.pth beside the package, where Python's site module reads it at start-up.

    It costs one look into the environment unless MEMWATCH=1, and nothing breaks if memwatch itself is gone. An
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


setup(cmdclass={"build_py": BuildWithStartupFile})
