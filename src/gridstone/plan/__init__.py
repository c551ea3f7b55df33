"""Which cells a request asks for, in which order, and which of them a machine can measure."""
