"""Which of the new objects below an item own which."""

from __future__ import annotations

import weakref
from array import array
from typing import Any

from memwatch.retain.ownership import noted_types, owners_by_type

HERE = f"{__name__}."
EXPORTER, PROCESSOR = f"{HERE}Exporter", f"{HERE}Processor"


class Exporter:
    """Lies below a processor."""


class Processor:
    """Has an exporter."""

    def __init__(self) -> None:
        self.exporters = [Exporter()]


def callback(processor: Processor) -> Any:
    return lambda: processor


def test_the_way_to_a_type_names_its_owners() -> None:
    labels = {"function", "tuple", "cell", "list", PROCESSOR, EXPORTER}
    owners = owners_by_type(callback(Processor()), labels)
    assert owners[PROCESSOR] == ("function", "tuple", "cell")
    assert owners[EXPORTER] == ("function", "tuple", "cell", PROCESSOR, "list")


def test_what_lies_beside_another_is_not_owned_by_it() -> None:
    owners = owners_by_type((Processor(), Exporter()), {"tuple", "list", PROCESSOR, EXPORTER})
    assert owners[PROCESSOR] == owners[EXPORTER] == ("tuple",)


def test_no_way_leads_over_old_objects_or_other_types() -> None:
    processor = Processor()
    labels = {"tuple", "list", PROCESSOR, EXPORTER}
    assert EXPORTER not in owners_by_type((processor,), labels, array("Q", [id(processor)]))
    assert EXPORTER not in owners_by_type((processor,), labels - {"list"})


def test_of_two_that_lead_to_each_other_none_owns_the_other() -> None:
    processor = Processor()
    processor.exporters[0].processor = processor  # type: ignore[attr-defined]
    owners = owners_by_type((processor,), {"tuple", "list", "dict", PROCESSOR, EXPORTER})
    assert owners[PROCESSOR] == ("tuple",) and owners[EXPORTER] == ("tuple", "list")


def test_a_cycle_ends() -> None:
    items: list[Any] = []
    items.append(items)
    assert owners_by_type(items, {"list", "dict"}) == {"list": ()}


def test_what_is_noted_by_weak_references_is_told_by_its_type() -> None:
    exporter, processor = Exporter(), Processor()
    noting = [weakref.ref(exporter), (weakref.ref(processor),)]
    labels = {"list", "tuple", "weakref.ReferenceType"}
    assert noted_types(noting, labels) == {EXPORTER, PROCESSOR}
    assert noted_types(noting, labels, array("Q", [id(exporter)])) == {PROCESSOR}
    del processor
    assert noted_types(noting, labels) == {EXPORTER}


def test_of_many_items_the_latest_tell() -> None:
    many = {number: Processor() for number in range(1000)}
    owners = owners_by_type(many, {"dict", "int", "list", PROCESSOR, EXPORTER})
    assert owners[EXPORTER] == ("dict", PROCESSOR, "list")
