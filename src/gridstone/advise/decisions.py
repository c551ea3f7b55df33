"""Which decisions there are: what `gridstone.advise` exports that takes a model and answers with an Advice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from gridstone.advise.advice import Advice

Decision = Callable[..., Advice]


def decisions() -> Mapping[str, Decision]:
    """Every exported decision by its name: a function becomes one by its first argument, `model`, and its answer."""
    from gridstone import advise

    found = {}
    for name in advise.__all__:
        function = getattr(advise, name)
        if inspect.isfunction(function):
            signature = inspect.signature(function, eval_str=True)
            if next(iter(signature.parameters), None) == "model" and signature.return_annotation is Advice:
                found[name] = function
    return found
