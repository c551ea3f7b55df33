"""Which cells a request asks for, in which order, and which of them a machine can measure."""

from gridstone.plan.needs import missing
from gridstone.plan.source import kernel_path, source_closure, source_digest

__all__ = ["kernel_path", "missing", "source_closure", "source_digest"]
