"""Which distribution a file comes from, as installers have written it down."""

from __future__ import annotations

from pathlib import Path

import pytest

from memwatch.backend.allocations.frame_filter import FrameFilter
from memwatch.installed import find_distribution, is_installed
from memwatch.retain.references import OWN, distance_of_file


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "lib" / "site-packages"
    records = {
        "pyzmq-25.1.0": "zmq/__init__.py,sha256=x,1\nzmq/_future.py,sha256=y,2\n",
        "opentelemetry_api-1.27.0": "opentelemetry/trace/__init__.py,,\n",
        "opentelemetry_sdk-1.27.1": "opentelemetry/sdk/trace/__init__.py,,\n",
        "six-1.16.0": "six.py,,\n",
    }
    for name, record in records.items():
        (folder / f"{name}.dist-info").mkdir(parents=True)
        (folder / f"{name}.dist-info" / "RECORD").write_text(record)
    (folder / "broken-1.0.dist-info").mkdir()
    return folder


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("zmq/_future.py", ("pyzmq", "25.1.0")),
        ("opentelemetry/sdk/trace/__init__.py", ("opentelemetry-sdk", "1.27.1")),
        ("six.py", ("six", "1.16.0")),
        ("future.py", None),
        ("none/of/them.py", None),
    ],
)
def test_a_file_belongs_to_what_has_recorded_it(site: Path, file: str, found: tuple[str, str] | None) -> None:
    assert find_distribution(str(site / file)) == found


@pytest.mark.parametrize("file", ["", "app.py", "/srv/app.py", "/gone/site-packages/zmq/_future.py"])
def test_other_files_belong_to_none(file: str) -> None:
    assert find_distribution(file) is None


@pytest.mark.parametrize("end", ["", "/"])
def test_a_package_that_was_installed_elsewhere_is_no_code_of_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    info = tmp_path / "bundle" / "six-1.16.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("six.py,,\nsixes/inner/one.py,,\n")
    bundle = f"{tmp_path}/bundle"
    monkeypatch.syspath_prepend(bundle + end)
    for file in ("six.py", "sixes/inner/one.py"):
        assert is_installed(f"{bundle}/{file}") and not FrameFilter().is_app(f"{bundle}/{file}")
        assert distance_of_file(f"{bundle}/{file}") > OWN and find_distribution(f"{bundle}/{file}") == ("six", "1.16.0")
    for file in ("app.py", "si/x.py"):
        assert not is_installed(f"{bundle}/{file}") and FrameFilter().is_app(f"{bundle}/{file}")
        assert distance_of_file(f"{bundle}/{file}") == OWN and find_distribution(f"{bundle}/{file}") is None


def test_a_folder_without_records_has_the_programs_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not is_installed(f"{tmp_path}/app.py")
