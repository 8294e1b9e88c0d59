"""What a test session logs, in this process and in those that it starts, kept in files and searched at its end."""

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from logs import log_to
from stack.process import PROJECT
from tests.leaks.kinds import leaks_in
from tests.leaks.values import values_of_people, values_of_stacks, values_of_tests

LEAST_LINES = {"api": 200, "worker": 100, "in-process": 3000, "migrations": 10}
"""What a whole suite writes at least, by the name of the log. Fewer: the search looks in the wrong place."""

OURS = ("api", "worker")
"""Logs that cannot be empty once their process ran."""


class LogWatch:
    """The logs below `folder`: those of every stack (`…/logs/NAME.log`), and in `kept/` what has no file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder / "kept"
        self._kept.mkdir()
        self._values: dict[str, str] = {}
        self._lines: TextIO = (self._kept / "in-process.log").open("a", encoding="utf-8")
        self._handler = log_to(self._lines, "tests")

    def keep(self, name: str, text: str) -> None:
        """Keep what a process has said otherwise; `name` says what it is."""
        if text:
            with self.open(name) as file:
                file.write(text if text.endswith("\n") else f"{text}\n")

    def open(self, name: str) -> TextIO:
        """A file for what a process says, to be written at its end."""
        return (self._kept / f"{name}.log").open("a", encoding="utf-8")

    async def learn_people(self, database_url: str) -> None:
        """Remember what a database knows of people, before it is gone."""
        self._values |= await values_of_people(database_url)

    def close(self) -> None:
        """Write no more."""
        logging.getLogger().removeHandler(self._handler)
        self._lines.close()

    def verdict(self, *, whole_suite: bool) -> list[str]:
        """What is wrong, a line each: file, line and kind, never a value. Call it after `close`."""
        values = {**values_of_tests(PROJECT / "tests"), **values_of_stacks(self._folder), **self._values}
        logs = sorted({*self._folder.rglob("logs/*.log*"), *self._kept.iterdir()})
        wrong = []
        counts: Counter[str] = Counter()
        for file in logs:
            text = file.read_text(encoding="utf-8", errors="replace")
            name = file.name.partition(".")[0]
            counts[name] += text.count("\n")
            where = file.relative_to(self._folder)
            wrong += [f"{where}:{leak.line}: {leak.kind}" for leak in leaks_in(text, values)]
        return wrong + list(_too_little(logs, counts, whole_suite=whole_suite))


def _too_little(logs: list[Path], counts: Counter[str], *, whole_suite: bool) -> Iterable[str]:
    if not logs:
        yield "no log was found"
    if whole_suite:
        for name, least in LEAST_LINES.items():
            if counts[name] < least:
                yield f"{name}: {counts[name]} lines, where a whole suite writes {least}"
    for name in OURS:
        if name in counts and counts[name] == 0:
            yield f"{name}: ran and wrote no line"
