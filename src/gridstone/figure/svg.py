"""From a matplotlib figure to SVG that can stand inside an HTML page, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import warnings
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import quoteattr

from gridstone.figure.style import ROLES, theme

_PAINT = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_OPENING = re.compile(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>")
_UNUSED_ID = re.compile(r' id="([^"]+)"')
_FONT = re.compile(r"font: ([\d.]+)px [^;\"]*")


def draw(paint: Callable[[Any], None], *, size: tuple[float, float], alt: str) -> str:
    """Give `paint` an axes of `size` inches and return the picture as SVG with `alt` as its accessible name.

    No date, no version and no random id is in it. Colours are CSS variables (`gridstone.figure.ROLES`), text is
    text in the page's font.
    """
    # Neither a home that cannot be written to nor a letter that this font lacks matters: the page's font draws.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    salt = hashlib.sha256(alt.encode()).hexdigest()[:8]
    with matplotlib.rc_context(theme(salt)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        canvas = FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        out = io.StringIO()
        # Not savefig: it lays the figure out and draws it once more before.
        canvas.print_svg(out, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))  # type: ignore[no-untyped-call]
    return inline(out.getvalue(), alt=alt, prefix=f"f{salt}")


def inline(svg: str, *, alt: str, prefix: str) -> str:
    """A whole SVG file made fit to stand in a page: no prologue, themed colours, ids that no other picture has."""
    body = svg[svg.index("<svg ") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<style .*?</style>\s*", "", body, flags=re.DOTALL)  # it would rule the whole page
    body = body.replace("xlink:href", "href")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", body))
    body = _UNUSED_ID.sub(lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{prefix}-", body)
    body = _PAINT.sub(lambda m: f"{m[1]}: var({ROLES[m[2]]})" if m[2] in ROLES else m[0], body)
    body = _FONT.sub(r"font-size: \1px", body)
    box = _OPENING.search(body)
    if box is None:
        raise ValueError("not an SVG drawing: it has no viewBox")
    width, height = box[1].split()[2:]
    opening = f'<svg role="img" aria-label={quoteattr(alt)} viewBox="{box[1]}" width="{width}" height="{height}">'
    return body[: box.start()] + opening + body[box.end() :].strip()
