"""Which distribution a file comes from, as installers have written it down."""

from __future__ import annotations

from pathlib import Path

import pytest

from memwatch.diagnosis.distributions import find_distribution


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
