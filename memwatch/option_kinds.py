"""What an option is: a kind of value, its default, and one sentence. `options.Options` declares them all.

A kind knows which values it accepts, how it reads one from the text of a variable or a flag, and the words for both.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from .checks import is_number, is_whole, shown, whole_words
from .errors import OptionError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Kind(Generic[T_co]):
    """A sort of value. `words` says what is allowed, `text_words` so of a text, where that is something else;
    `placeholder` stands for it in a usage text."""

    words = "text that is not empty"
    text_words = ""
    placeholder = "TEXT"

    def accepts(self, value: Any) -> bool:
        """Whether *value* is one of these."""
        return isinstance(value, str) and value != ""

    def parse(self, text: str) -> Any:
        """The value that *text* stands for; raises ValueError where it stands for none."""
        return text

    def write(self, value: Any) -> str:
        """The text that stands for *value*."""
        return str(value)


class Text(Kind[str]):
    """Any text."""


class Words(Kind[tuple[str, ...]]):
    """Some texts; as one text with commas between them."""

    words = "a list of texts that are not empty"
    text_words = "texts with commas between them"
    placeholder = "TEXT,TEXT"

    def accepts(self, value: Any) -> bool:
        """Whether it is a list or a tuple of such."""
        return isinstance(value, list | tuple) and all(isinstance(it, str) and it for it in value)

    def parse(self, text: str) -> tuple[str, ...]:
        """What stands between the commas."""
        return tuple(filter(None, map(str.strip, text.split(","))))

    def write(self, value: Any) -> str:
        """With commas between them."""
        return ",".join(value)


class Choice(Kind[str]):
    """One of some words."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.words = " or ".join([", ".join(names[:-1]), names[-1]])
        self.placeholder = f"{{{','.join(names)}}}"

    def accepts(self, value: Any) -> bool:
        """Whether it is one of the words."""
        return isinstance(value, str) and value in self.names


class File(Kind[str]):
    """The path of a file."""

    words = "the path of a file"
    placeholder = "FILE"


class Seconds(Kind[float]):
    """A number of seconds in a range."""

    placeholder = "S"

    def __init__(self, least: float, most: float) -> None:
        self.range = least, most
        self.words = f"a number of seconds from {least:g} to {most:g}"

    def accepts(self, value: Any) -> bool:
        """Whether it is an int or a float in the range."""
        return is_number(value, *self.range)

    def parse(self, text: str) -> float:
        """The number."""
        return float(text)


class Whole(Kind[int]):
    """A whole number in a range."""

    placeholder = "N"

    def __init__(self, least: int, most: int, unit: str = "") -> None:
        self.range = least, most
        self.words = whole_words(least, most, unit)

    def accepts(self, value: Any) -> bool:
        """Whether it is an int in the range."""
        return is_whole(value, *self.range)

    def parse(self, text: str) -> int:
        """The number."""
        return int(text)


class Switch(Kind[bool]):
    """On or off; as text 1, true, yes, on or their contrary, in any case of letters."""

    words = "True or False"
    text_words = "1, true, yes, on, or 0, false, no, off"
    placeholder = ""

    def accepts(self, value: Any) -> bool:
        """Whether it is a bool."""
        return isinstance(value, bool)

    def parse(self, text: str) -> bool:
        """What the word stands for."""
        word = text.strip().lower()
        if word not in _SWITCHES:
            raise ValueError(self.text_words)
        return _SWITCHES[word]


_SWITCHES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class Option(Generic[T]):
    """One option. On an instance of the class that declares it, it reads as its value.

    `keyword` makes it one of `start()`, `flag` names it for `memwatch run` (None: after its name; empty: none),
    `shown` is its default in a table where the value does not say it, `in_run` the one of `memwatch run`, `off` says of
    a switch what is without it. One without *help* is memwatch's own and stands in no table.
    """

    def __init__(
        self,
        kind: Kind[T],
        default: T,
        help: str = "",
        *,
        keyword: bool = True,
        flag: str | None = None,
        shown: str = "",
        in_run: str = "",
        off: str = "",
    ) -> None:
        self.kind = kind
        self.default = default
        self.help = help
        self.keyword = keyword
        self.name = ""
        self._flag = flag
        self.shown = shown
        self.in_run = in_run
        self.off = off

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Option[T]: ...
    @overload
    def __get__(self, instance: Any, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else instance.given.get(self.name, self.default)

    @property
    def variable(self) -> str:
        """The environment variable: ``pause_budget`` is MEMWATCH_PAUSE_BUDGET."""
        return f"MEMWATCH_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The flag of `memwatch run`; of a switch the one that turns it to the contrary of its default."""
        if self._flag is not None:
            return self._flag
        return f"--{'no-' if self.default is True else ''}{self.name.replace('_', '-')}"

    @property
    def shown_default(self) -> str:
        """The default, as a table shows it."""
        if isinstance(self.default, float):
            return self.shown or f"{self.default:g}"
        return self.shown or ("none" if self.default is None else str(self.default))

    def check(self, value: Any) -> T:
        """*value*, if it is allowed; else raises OptionError. None is, where that is the default: it is not given."""
        if not (self.kind.accepts(value) or (value is None and self.default is None)):
            raise OptionError(f"{self.name} must be {self.kind.words}, not {shown(value)}")
        checked: T = value
        return checked

    def read(self, text: str) -> T:
        """The value that *text* of a variable or a flag stands for; raises OptionError."""
        try:
            value = self.kind.parse(text)
        except ValueError:
            value = None
        if not self.kind.accepts(value):
            raise OptionError(f"{self.name} must be {self.kind.text_words or self.kind.words}, not {shown(text)}")
        checked: T = value
        return checked
