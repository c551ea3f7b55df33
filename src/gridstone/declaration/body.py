"""What a declaration is held to before it is run: metrics that are metrics, a function that takes its axes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gridstone.declaration.metric import Metric


def metrics_of(measures: Metric | Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics of a declaration. Raises ValueError where it has none, one twice, or something else."""
    several = isinstance(measures, Iterable) and not isinstance(measures, str)
    metrics: tuple[Any, ...] = tuple(measures) if several else (measures,)  # type: ignore[arg-type]
    strange = [one for one in metrics if not isinstance(one, Metric)]
    if strange:
        given = getattr(strange[0], "__name__", repr(strange[0]))
        raise ValueError(f"measures={given} is no metric: write bandwidth(), cycles(per='hop') or another, called")
    if len({one.name for one in metrics}) != max(1, len(metrics)):
        raise ValueError("a probe needs at least one metric, and each under its own name")
    return metrics


def takes(body: Callable[..., Any], axes: Iterable[str]) -> None:
    """Raises ValueError where a probe's function cannot be called with a context and its axes by name."""
    names, code = list(axes), body.__code__
    if {*code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]} == set(names):
        return  # as nearly all do; a signature takes a third of a millisecond
    try:
        inspect.signature(body).bind(None, **dict.fromkeys(names))
    except TypeError as error:
        arguments = ", ".join(["context", *(["*", *names] if names else [])])
        raise ValueError(
            f"{body.__name__}{inspect.signature(body)}: {error}: write {body.__name__}({arguments})"
        ) from None
