"""What an answer must be, whatever was asked, and what has been seen."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx
from schemathesis import Case
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from schemathesis.specs.openapi.checks import status_code_conformance as status_conformance

AnyCase = Case[Any]
PROBLEM = "application/problem+json"
CHECKS = [status_conformance, content_type_conformance, response_schema_conformance]


@dataclass
class Verdicts:
    """All answers of a run."""

    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    failures: dict[str, str] = field(default_factory=dict)
    """One request for each different failure."""

    def judge(self, case: AnyCase, answer: httpx.Response, told: str) -> None:
        """Look at an answer; `told` is the request as a person would repeat it."""
        name = operation_id(case)
        self.statuses[name][answer.status_code] += 1
        for wrong in self._wrongs(case, answer):
            self.fail(f"{name}: {wrong}", f"{told}\n    → {answer.status_code} {answer.text[:600]}")

    def fail(self, what: str, request: str) -> None:
        """Keep the first request that showed this failure."""
        self.failures.setdefault(what, request)

    def _wrongs(self, case: AnyCase, answer: httpx.Response) -> list[str]:
        if answer.status_code >= 500:
            return [f"answered {answer.status_code}"]
        wrongs = []
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            wrongs += [f"{one.title}: {answer.status_code}" for one in group.exceptions]
        if answer.status_code >= 400:
            wrongs += _wrongs_of_refusal(case, answer)
        if answer.headers.get("x-content-type-options") != "nosniff" or "x-request-id" not in answer.headers:
            wrongs.append("an answer without its usual headers")
        return wrongs

    def without_success(self) -> set[str]:
        """Operations that never answered 2xx."""
        return {name for name, seen in self.statuses.items() if not any(200 <= status < 300 for status in seen)}

    def table(self) -> str:
        """A line for each operation: how often which status."""
        return "\n".join(
            f"  {name:26} " + "  ".join(f"{status}×{times}" for status, times in sorted(seen.items()))
            for name, seen in sorted(self.statuses.items())
        )

    def report(self) -> str:
        """Every different failure with one request."""
        return "\n".join(f"{what}\n    {request}" for what, request in sorted(self.failures.items()))


def operation_id(case: AnyCase) -> str:
    """The operation's id."""
    name: str = case.operation.definition.raw["operationId"]
    return name


def _wrongs_of_refusal(case: AnyCase, answer: httpx.Response) -> list[str]:
    media_type = answer.headers.get("content-type", "")
    if not media_type.startswith(PROBLEM):
        return [f"a refusal as {media_type or 'nothing'}: {answer.status_code}"]
    problem: dict[str, Any] = answer.json()
    wrongs = []
    if problem["status"] != answer.status_code or problem["requestId"] != answer.headers["x-request-id"]:
        wrongs.append("a problem that does not agree with its answer")
    declared = case.operation.definition.raw["responses"].get(str(answer.status_code), {})
    if problem["code"] not in re.findall(r"`(\w+)`", declared.get("description", "")):
        wrongs.append(f"a code that the description does not name: {answer.status_code} {problem['code']}")
    return wrongs
