"""What the end of a timed loop adds to a latency, as captions say it."""


def said(latency):
    """A sentence about the chains of these rows; nothing where no row says what its loop holds."""
    if latency.empty or "opcodes" not in latency:
        return ""
    known = [text for text in latency["opcodes"].dropna() if text]
    if not known:
        return ""
    least = min(sum(int(part.rpartition("*")[2]) for part in text.split()) for text in known)
    return (
        " In it is the end of the timed loop, some ten cycles less what the last instruction takes, in iterations of "
        f"{least} instructions or more."
    )
