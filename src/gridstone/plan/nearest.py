"""What a person may have meant by a word that nothing is called."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def suggestion(word: str, known: Iterable[str] | Mapping[str, str]) -> str:
    """`; did you mean latency/pointer_chase?`, or nothing where no known word is near.

    A mapping gives the word to suggest for each word that is recognised.
    """
    spellings = known if isinstance(known, Mapping) else {name: name for name in known}
    found = difflib.get_close_matches(word, list(spellings), n=1, cutoff=0.5)
    return f"; did you mean {spellings[found[0]]}?" if found else ""
