"""The container's limit and usage, read from folders that look like the kernel's cgroups of both versions."""

from pathlib import Path

import pytest

from memwatch.backend.meters import memory_limit as limit
from memwatch.backend.meters.memory_limit import Container, container

MIB = 1 << 20
NONE_IN_V1 = "9223372036854771712"


class Kernel:
    """A made-up /sys/fs/cgroup, and the file that tells a process its groups."""

    def __init__(self, folder: Path) -> None:
        self.root, self.membership = folder / "cgroup", folder / "membership"
        self.root.mkdir()

    def v2(self, group, limit, usage, idle=0, mount=""):
        self._write(Path(mount, group), {"memory.max": limit, "memory.current": usage}, "inactive_file", idle)
        (self.root / mount / "cgroup.controllers").write_text("cpu memory\n")

    def v1(self, group, limit, usage, idle=0):
        files = {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": usage}
        self._write(Path("memory", group), files, "total_inactive_file", idle)

    def _write(self, group, files, idle_name, idle):
        folder = self.root / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            (folder / name).write_text(f"{value}\n")
        statistics = {"anon": 1, "inactive_file": 7, idle_name: idle}
        (folder / "memory.stat").write_text("".join(f"{name} {value}\n" for name, value in statistics.items()))

    def member_of(self, *lines):
        self.membership.write_text("".join(f"{line}\n" for line in lines))

    def container(self):
        return container(self.root, self.membership)


@pytest.fixture
def kernel(tmp_path):
    return Kernel(tmp_path)


def test_version_2_in_a_container_that_sees_its_own_group_as_the_root(kernel):
    kernel.v2("", 512 * MIB, 128 * MIB)
    kernel.member_of("0::/")
    assert kernel.container() == Container(2, 512 * MIB, 128 * MIB)
    assert kernel.container().share == 0.25


def test_version_1_in_a_container(kernel):
    kernel.v1("", 512 * MIB, 256 * MIB)
    kernel.member_of("4:cpu,cpuacct:/docker/ab", "3:memory:/docker/ab", "0::/")
    assert kernel.container() == Container(1, 512 * MIB, 256 * MIB)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_file_pages_that_the_kernel_would_give_back_are_not_counted(kernel, version):
    getattr(kernel, version)("", 512 * MIB, 400 * MIB, idle=300 * MIB)
    kernel.member_of("3:memory:/", "0::/")
    assert kernel.container().usage == 100 * MIB


def test_of_nested_groups_the_least_limit_counts_with_the_usage_of_its_group(kernel):
    kernel.v2("pods", 300 * MIB, 290 * MIB)
    kernel.v2("pods/one", 900 * MIB, 100 * MIB)
    kernel.v2("pods/one/app", "max", 50 * MIB)
    kernel.v2("pods/two", 10 * MIB, 9 * MIB)
    kernel.v2("", "max", 0)
    kernel.member_of("0::/pods/one/app")
    assert kernel.container() == Container(2, 300 * MIB, 290 * MIB)


def test_where_both_versions_are_mounted_memory_may_be_on_the_first(kernel):
    kernel.v2("user", "max", 1, mount="unified")
    kernel.v1("user/x", 700 * MIB, 70 * MIB)
    kernel.v1("", NONE_IN_V1, 4000 * MIB)
    kernel.member_of("9:name=systemd:/", "5:memory,hugetlb:/user/x", "0::/user")
    assert kernel.container() == Container(1, 700 * MIB, 70 * MIB)


def test_or_on_the_second(kernel):
    kernel.v2("user", 700 * MIB, 70 * MIB, mount="unified")
    kernel.v2("", "max", 0, mount="unified")
    kernel.member_of("9:name=systemd:/", "0::/user")
    assert kernel.container() == Container(2, 700 * MIB, 70 * MIB)


def test_a_group_that_happens_to_be_called_unified_is_somebody_else_s(kernel):
    kernel.v2("", "max", 0)
    kernel.v2("unified", 5 * MIB, MIB)
    kernel.member_of("0::/")
    assert kernel.container() is None


@pytest.mark.parametrize("limit", ["max", "0", "-1", "", "many", NONE_IN_V1])
def test_what_is_no_limit_is_none(kernel, limit):
    kernel.v2("", limit, MIB)
    kernel.v1("", limit, MIB)
    kernel.member_of("3:memory:/", "0::/")
    assert kernel.container() is None


@pytest.mark.parametrize("path", ["/../../somebody/else", "/not/seen/from/here"])
def test_a_path_that_cannot_be_seen_leaves_the_mount_itself(kernel, path):
    kernel.v2("", 64 * MIB, MIB)
    kernel.v2("../outside", MIB, MIB)
    kernel.member_of(f"0::{path}")
    assert kernel.container() == Container(2, 64 * MIB, MIB)


def test_a_limit_whose_usage_is_not_told_gives_none(kernel):
    kernel.v2("", 64 * MIB, "unknown")
    kernel.member_of("0::/")
    assert kernel.container() is None


def test_without_statistics_all_pages_count(kernel):
    kernel.v2("", 64 * MIB, 32 * MIB, idle="?")
    kernel.member_of("0::/")
    assert kernel.container().usage == 32 * MIB


def test_no_cgroups_at_all(tmp_path):
    assert container(tmp_path / "none", tmp_path / "nothing") is None


def test_lines_that_make_no_sense_are_passed_over(kernel):
    kernel.v2("", 64 * MIB, MIB)
    kernel.member_of("", "nonsense", "1:2")
    assert kernel.container() == Container(2, 64 * MIB, MIB)


def test_as_json_takes_it(kernel):
    kernel.v2("", 4 * MIB, MIB)
    kernel.member_of("0::/")
    assert kernel.container().to_dict() == {"version": 2, "limit": 4 * MIB, "usage": MIB, "share": 0.25}


def test_this_process_has_a_sane_one_or_none():
    found = container()
    assert found is None or (found.limit > 0 and found.usage >= 0)


def test_a_machine_that_does_not_tell_its_memory_has_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(limit, "_MACHINE", tmp_path / "meminfo")
    monkeypatch.setattr(limit, "_psutil", None)
    monkeypatch.setattr(limit, "_address_space_limit", lambda: None)
    monkeypatch.setattr(limit, "_CGROUP", tmp_path)
    assert limit.memory_limit() == 1 << 60
