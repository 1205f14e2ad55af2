"""Charts as plain values: Plotly figures as dictionaries, bars as segments. No query, no HTML.

A colour is the name of a variable of app.css (`--verified`); the browser puts in what it stands
for, in light and in dark. Plain dictionaries, since Plotly's own classes cost eight times as much.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from markupsafe import Markup

from core.model import PolicyStatus, Status
from storage.filters import Count
from storage.views.coverage import TrendDay
from storage.views.signers import SignerMonth

Spec = dict[str, Any]

BAR_WIDTH = 1000
LEAST_WIDTH = 6  # so that one failure among a million is still seen
GAP = 3
FEW = 5
WEEK = 7
WEEKS = 13


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a bar, in thousandths of its width."""

    name: str
    start: float
    width: float


def bar(counts: Mapping[Any, Count]) -> tuple[Segment, ...]:
    """Return the segments of a stacked bar, none for what is zero."""
    shown = [(str(key), count.number) for key, count in counts.items() if count.number]
    total = sum(number for _, number in shown)
    room = BAR_WIDTH - GAP * max(0, len(shown) - 1) - LEAST_WIDTH * len(shown)
    segments, start = [], 0.0
    for name, number in shown:
        width = LEAST_WIDTH + room * number / total
        segments.append(Segment(name, round(start, 1), round(width, 1)))
        start += width + GAP
    return tuple(segments)


def as_json(spec: Spec) -> Markup:
    """Return a figure as JSON that may stand inside a script element."""
    text = json.dumps(spec, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - every character that could end the element is spelled out


def trend(days: Sequence[TrendDay]) -> Spec:
    """Return the share verified and the share accepted by policy, day by day."""
    dates = [day.day.isoformat() for day in days]
    verified = [_percent(day.statuses[Status.VERIFIED], day.total) for day in days]
    accepted = [_percent(day.policies[PolicyStatus.PASSED], day.total) for day in days]
    return _figure(
        [
            _line("verified", dates, verified, "--verified", "solid"),
            _line("policy passed", dates, accepted, "--accent", "dot"),
        ],
        xaxis={"type": "date", "range": _window(days[-1].day)} if days else {},
        yaxis={"range": [0, 103], "ticksuffix": "%", "dtick": 25},
    )


def _window(last: date) -> list[str]:
    """Return the ends of the time axis: always thirteen weeks, so that a first day is a dot."""
    half_a_day = timedelta(hours=12)
    end = datetime.combine(last, time.min) + half_a_day
    return [str(end - timedelta(weeks=WEEKS)), str(end)]


def weekly(days: Sequence[TrendDay]) -> tuple[TrendDay, ...]:
    """Return one day a week, the newest first, for the table beside the trend."""
    return tuple(days[::-1][::WEEK][:WEEKS])


def use_over_time(months: Iterable[SignerMonth]) -> Spec:
    """Return how many verifications name a signer, month by month."""
    used = list(months)
    names = [month.month.strftime("%Y-%m") for month in used]
    return _figure(
        [
            {
                "type": "bar",
                "name": "signatures",
                "x": names,
                "y": [month.verifications for month in used],
                "marker": {"color": "--accent"},
                "hovertemplate": "%{x}: %{y} signatures<extra></extra>",
            }
        ],
        xaxis={"type": "category"},
        yaxis={"rangemode": "tozero", "tickformat": ",d"} | _whole_ticks(used),
        bargap=0.5,
        showlegend=False,
    )


def _whole_ticks(months: Sequence[SignerMonth]) -> Spec:
    """Return a step of one where the numbers are so small that a scale would show fractions."""
    highest = max((month.verifications for month in months), default=0)
    return {"dtick": 1} if highest <= FEW else {}


def _percent(number: int, total: int) -> float | None:
    return round(100 * number / total, 2) if total else None


def _line(name: str, dates: list[str], values: list[float | None], colour: str, dash: str) -> Spec:
    return {
        "type": "scatter",
        "cliponaxis": False,
        "mode": "lines" if len(dates) > 1 else "markers",
        "name": name,
        "x": dates,
        "y": values,
        "line": {"color": colour, "width": 2.5, "dash": dash},
        "marker": {"color": colour, "size": 9},
        "hovertemplate": "%{y:.1f}% " + name + "<extra></extra>",
    }


def _figure(traces: list[Spec], **layout: Any) -> Spec:
    axis = {"gridcolor": "--line", "zeroline": False, "fixedrange": True}
    base: Spec = {
        "margin": {"l": 44, "r": 12, "t": 8, "b": 36},
        "height": 260,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12, "color": "--muted"},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "--surface", "bordercolor": "--line"},
        "legend": {"orientation": "h", "y": 1.12, "x": 0},
        "dragmode": False,
    }
    axes = {name: axis | layout.pop(name, {}) for name in ("xaxis", "yaxis")}
    return {"data": traces, "layout": base | axes | layout}
