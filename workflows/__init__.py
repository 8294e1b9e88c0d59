"""The business stories: one module per process, deterministic, without I/O or a clock of their own."""
