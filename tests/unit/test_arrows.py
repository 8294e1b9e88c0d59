"""Imports point one way, and only the settings read the environment."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from stack.process import PROJECT

READERS_OF_THE_ENVIRONMENT = {
    "settings.py": "the one typed object that everything else gets its settings from",
    "stack/process.py": "hands PATH, HOME and the like on to the programs that it starts",
    "tests/": "tests hand an environment to the programs that they start, and clean their own",
}
"""Where `os.environ` may stand, and why: a path, or a folder with its slash."""

NOT_OURS = {".venv", ".data", ".git", "node_modules"}


def sources(folder: str = "") -> Iterator[tuple[str, ast.Module]]:
    """Every Python file of ours below a folder: its path within the project, and its syntax."""
    for path in sorted((PROJECT / folder).rglob("*.py")):
        place = path.relative_to(PROJECT)
        if not NOT_OURS & set(place.parts):
            yield place.as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def reads_environment(tree: ast.AST) -> bool:
    """Whether `os.environ`, `os.getenv` or one of their kin occurs."""
    names = {"environ", "environb", "getenv", "getenvb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
        for node in ast.walk(tree)
    )


def imported_from(tree: ast.AST, package: str) -> list[ast.ImportFrom | ast.Import]:
    """The imports of a package or of something in it."""
    found: list[ast.ImportFrom | ast.Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        if any(module.partition(".")[0] == package for module in modules):
            found.append(node)
    return found


def test_every_arrow_holds() -> None:
    """The contracts stand in `pyproject.toml`, [tool.importlinter]."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_settings_read_the_environment() -> None:
    readers = [place for place, tree in sources() if reads_environment(tree)]
    strangers = [r for r in readers if not any(r == p or r.startswith(p) for p in READERS_OF_THE_ENVIRONMENT)]
    assert not strangers, f"take a setting from settings.Settings instead: {', '.join(strangers)}"


def test_workflows_pass_activities_through_the_sandbox_and_use_their_signatures_only() -> None:
    for place, tree in sources("workflows"):
        passed_through = [
            statement
            for block in ast.walk(tree)
            if isinstance(block, ast.With)
            and any("imports_passed_through" in ast.unparse(item.context_expr) for item in block.items)
            for statement in block.body
        ]
        imports = imported_from(tree, "activities")
        assert all(found in passed_through for found in imports), f"{place}: import activities under passed_through()"
        names = {alias.asname or alias.name for found in imports for alias in found.names}
        called = [
            ast.unparse(node.func)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func).partition(".")[0] in names
        ]
        assert not called, f"{place}: a workflow names an activity and never calls it: {', '.join(called)}"


def test_the_api_takes_nothing_but_the_open_services_from_bootstrap() -> None:
    for place, tree in sources("api"):
        if place == "api/__main__.py":  # an entry point
            continue
        taken = {alias.name for found in imported_from(tree, "bootstrap") for alias in found.names}
        assert taken <= {"Services"}, f"{place}: {', '.join(sorted(taken))}"
