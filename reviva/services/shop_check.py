"""What can be said of a shop, apart from single values: spans that don't overlap, ends after beginnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reviva.errors import Fault, Invalid


def checked(values: Mapping[str, Any]) -> None:
    """Raises `Invalid` with every fault of what is there of `hours`, `closures` and `benches`."""
    faults = [
        *hours_faults(values.get("hours", ())),
        *closure_faults(values.get("closures", ())),
        *bench_faults(values.get("benches", ())),
    ]
    if faults:
        raise Invalid(faults)


def hours_faults(hours: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Spans that end before they begin, or overlap another of their weekday."""
    for n, span in enumerate(hours):
        if minutes_of(span["closes"]) <= minutes_of(span["opens"]):
            yield Fault(f"hours.{n}.closes", "must be after opens", "wrong-order")
        elif any(overlap(span, other) for other in hours[:n]):
            yield Fault(f"hours.{n}", "overlaps other hours of that weekday", "overlap")


def closure_faults(closures: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Closures that end before they begin."""
    for n, closure in enumerate(closures):
        if closure["to"] < closure["from"]:
            yield Fault(f"closures.{n}.to", "must not be before from", "wrong-order")


def bench_faults(benches: Any) -> Iterator[Fault]:
    """Benches that are there twice. A number of benches has no fault."""
    if isinstance(benches, int):
        return
    names = [bench["name"] for bench in benches]
    for n, name in enumerate(names):
        if name in names[:n]:
            yield Fault(f"benches.{n}.name", f"{name!r} is there twice", "repeated")


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two spans share a moment of the week."""
    return bool(
        one["weekday"] == other["weekday"] and one["opens"] < other["closes"] and other["opens"] < one["closes"]
    )


def minutes_of(wall_time: str) -> int:
    """Minutes after midnight of a wall time such as 09:30; 24:00 is the end of the day."""
    return int(wall_time[:2]) * 60 + int(wall_time[3:])


def wall_time(minutes: int) -> str:
    """The other way round."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
