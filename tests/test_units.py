"""Text for bytes and durations: node-memwatch's grammar to the letter, and a person's."""

import pytest

from memwatch.units import format_bytes, format_delta, format_duration, format_growth, format_rate, format_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1024, "1024 bytes"),
        (1025, "1 kb"),
        (1048576, "1024 kb"),
        (-2120, "-2.07 kb"),
        (249232, "243.39 kb"),
        (1869904, "1.78 mb"),
        (67984 / 20 * 3600, "11.67 mb"),
        (12 * 1024**3, "12288 mb"),
        (5 * 1024**4, "5242880 mb"),
    ],
)
def test_sizes_read_as_in_node_memwatch(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (20.9, "20s"), (60, "60s"), (61, "1m 1s"), (3600, "60m 0s"), (3601, "1h 1s"), (90000, "25h 0s")],
)
def test_durations_read_as_in_node_memwatch(seconds, text):
    assert format_delta(seconds) == text


@pytest.mark.parametrize(
    ("size", "signed", "text"),
    [
        (512, False, "512 B"),
        (22439526, False, "21.4 MiB"),
        (1992294, True, "+1.90 MiB"),
        (-1992294, True, "-1.90 MiB"),
        (2 * 1024**3, False, "2.00 GiB"),
        (300 * 1024**5, False, "307,200 TiB"),
    ],
)
def test_bytes_for_a_person(size, signed, text):
    assert format_bytes(size, signed) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (16, "16 s"), (64, "1m 4s"), (50400, "14 h"), (3 * 86400, "3 days")]
)
def test_durations_for_a_person(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.314, "0.31 MiB/h"), (14.26, "14.3 MiB/h"), (142.31, "142 MiB/h"), (4543, "4,543 MiB/h"), (-20, "-20.0 MiB/h")],
)
def test_rates_have_one_unit(rate, text):
    assert format_rate(rate * 2**20) == text


def test_growth_is_an_amount_and_its_rate():
    assert format_growth(2.53 * 2**20, 64) == "+2.53 MiB, 142 MiB/h"
    assert format_growth(1024, 0) == "+1.00 KiB"
