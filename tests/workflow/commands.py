"""The fingerprint of the stories: the commands that their code gives to Temporal, in order, function by function.

Read from the source, so that ways count, too, which no recorded history went. Time-outs, summaries and wording leave
no trace in it: a replay does not look at them.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from stack.process import PROJECT
from worker import STORIES

COMMANDS_FILE = Path(__file__).parent / "histories" / "commands.txt"

COMMANDS = {
    "run_step",
    "run_once",
    "execute_local_activity_method",
    "execute_activity_method",
    "start_child_workflow",
    "execute_child_workflow",
    "wait_condition",
    "sleep",
    "upsert_search_attributes",
    "show_state",
    "continue_as_new",
    "patched",
    "deprecate_patch",
    "uuid4",
    "uuid7",
    "random",
}
"""Calls that reach the history, ours and the SDK's; a `wait_condition` does by its time-out."""

NAMED = {"execute_activity_method", "start_child_workflow", "execute_child_workflow", "patched", "deprecate_patch"}
"""Those whose first argument says which; an activity is named wherever its class is mentioned."""


def all_commands() -> str:
    """Every module of stories with the stories that run it, as a text that shows a change in one line."""
    runs: dict[str, set[str]] = {}
    for stories in STORIES.values():
        for story in stories:
            for module in modules_of(story):
                runs.setdefault(module, set()).add(story.__name__)
    sections = []
    for module, names in sorted(runs.items()):
        if lines := list(commands_of(module)):
            sections.append("\n".join([f"[{module}] run by {', '.join(sorted(names))}", *lines]))
    return "\n\n".join(sections) + "\n"


def modules_of(story: type) -> set[str]:
    """The module of a story and every module of `workflows` that it imports, directly or not."""
    found: set[str] = set()
    waiting = [inspect.getmodule(story).__name__]  # type: ignore[union-attr]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [
                node.module
                for node in ast.walk(_source(module))
                if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("workflows.")
            ]
    return found


def commands_of(module: str) -> Iterator[str]:
    """The commands of a module: `class.function: what`."""
    tree = _source(module)
    activities = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("activities.")
        for alias in node.names
    }
    for outer in tree.body:
        functions = outer.body if isinstance(outer, ast.ClassDef) else [outer]
        prefix = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
        for function in functions:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for what in _commands_in(function, activities):
                    yield f"{prefix}{function.name}: {what}"


def _commands_in(function: ast.AST, activities: set[str]) -> Iterator[str]:
    """In the order in which they stand in the source."""
    places = [node for node in ast.walk(function) if isinstance(node, ast.Call | ast.Attribute)]
    for node in sorted(places, key=lambda place: (place.lineno, place.col_offset, -(place.end_col_offset or 0))):
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in activities:
                yield f"activity {ast.unparse(node)}"
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        if name not in COMMANDS:
            continue
        named = [ast.unparse(node.args[0])] if name in NAMED and node.args else []
        timed = ["timeout"] if any(keyword.arg == "timeout" for keyword in node.keywords) else []
        yield f"{name}({', '.join(named + timed)})"


def _source(module: str) -> ast.Module:
    path = PROJECT.joinpath(*module.split(".")).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))
