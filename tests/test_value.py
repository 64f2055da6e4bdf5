"""Public values are frozen, equal by their fields, and can be copied and sent to other processes."""

import copy
import pickle

import pytest

from memwatch.value import Value


class Point(Value):
    __slots__ = ("x", "y")

    y: int
    x: int


def test_fields_are_given_in_order_or_by_name():
    assert Point(1, 2) == Point(1, x=2) == Point(x=2, y=1) != Point(2, 1)
    assert (Point(1, 2).y, Point(1, 2).as_dict(), repr(Point(1, 2))) == (1, {"y": 1, "x": 2}, "Point(y=1, x=2)")


@pytest.mark.parametrize(("values", "named"), [((1,), {}), ((1, 2, 3), {}), ((1, 2), {"x": 2}), ((1,), {"z": 2})])
def test_each_field_is_given_once(values, named):
    with pytest.raises(TypeError, match="Point takes y, x"):
        Point(*values, **named)


def test_nothing_can_be_set():
    point = Point(1, 2)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 3
    with pytest.raises(AttributeError, match="frozen"):
        del point.x
    assert not hasattr(point, "__dict__")


def test_it_is_no_tuple_and_goes_where_values_go():
    point = Point(1, 2)
    assert f"{point}" == "%s" % point == str(point)  # noqa: UP031 (a tuple would be taken for many arguments)
    assert point != (1, 2) and len({point, Point(1, 2)}) == 1
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point.__replace__(x=2) == point
