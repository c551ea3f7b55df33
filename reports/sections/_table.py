"""A table as HTML, for what has more sides than a picture."""

from html import escape


def table(heads, rows, *, words):
    """A row of texts per line; the columns from the `words`-th on hold numbers."""
    body = []
    for row in rows:
        cells = "".join(
            f"<td{' class=num' if place >= words else ''}>{escape(str(text))}</td>" for place, text in enumerate(row)
        )
        body.append(f"<tr>{cells}</tr>")
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
