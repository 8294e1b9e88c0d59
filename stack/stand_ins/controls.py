"""`/test/…`: what the payer, the bank, the dashboard and bad luck do. No login: it listens on loopback only.

The part that every payment provider's stand-in has; each adds what its own payers and banks do.
"""

from abc import ABC, abstractmethod
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec

from stack.stand_ins.book import Book, Json
from stack.stand_ins.faults import FaultPlan, Faults
from stack.stand_ins.http import Answer, Request, json_answer, problem
from stack.stand_ins.webhooks import Webhooks

S = TypeVar("S", bound=msgspec.Struct)


class ConflictError(Exception):
    """A test control asks for what this object's state does not allow."""


class NotInBookError(Exception):
    """A test control names what the book does not have."""


class Pruning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional body of `POST /test/prune-keys`: keys at least this old are forgotten; all when absent."""

    older_than_seconds: float = 0.0


class Controls(ABC):
    """Answers `/test/…`."""

    def __init__(self, book: Book, faults: Faults, webhooks: Webhooks) -> None:
        self._book = book
        self._faults = faults
        self._webhooks = webhooks

    async def handle(self, request: Request) -> Answer:
        """Do what the route says, durably. Problems are RFC 9457."""
        route = [request.method, *request.path.split("/")[2:]]
        try:
            with self._book.operation():
                done = self._act(route, request)
                answer = json_answer(200, done) if done is not None else self._routed(route, request)
        except msgspec.MsgspecError as error:
            return problem(400, str(error))
        except ConflictError as error:
            return problem(409, str(error))
        except NotInBookError as error:
            return problem(404, str(error))
        await self._book.committed()
        return answer

    @abstractmethod
    def _act(self, route: list[str], request: Request) -> Json | None:
        """What payers, banks and the dashboard do; `None` when the route is none of these.

        Raises `ConflictError` or `NotInBookError`.
        """

    @abstractmethod
    def _whole_book(self, order_id: str | None) -> Json:
        """Every object, or those of one of the shop's orders."""

    def _routed(self, route: list[str], request: Request) -> Answer:  # noqa: PLR0911  # a table of routes
        match route:
            case ["POST", "faults"]:
                self._faults.add(body_of(request, FaultPlan))
                return json_answer(200, self._faults.current())
            case ["GET", "faults"]:
                return json_answer(200, self._faults.current())
            case ["DELETE", "faults"]:
                self._faults.clear()
                return json_answer(200, self._faults.current())
            case ["GET", "book"]:
                return json_answer(200, self._whole_book(_query(request, "order_id")))
            case ["GET", "webhooks"]:
                return json_answer(200, {"deliveries": self._webhooks.report(_query(request, "event_id"))})
            case ["POST", "webhooks", event_id, "resend"]:
                planned = self._webhooks.resend(event_id)
                return json_answer(202, {"planned": planned}) if planned else problem(404, "No such event.")
            case ["POST", "prune-keys"]:
                pruned = self._book.prune_answers(body_of(request, Pruning).older_than_seconds)
                return json_answer(200, {"pruned": pruned})
            case _:
                return problem(404, "No such test control; GET / lists them.")


def body_of(request: Request, shape: type[S]) -> S:
    """The JSON body, or the shape's defaults when it is empty. Raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(request.body or b"{}", type=shape)


def _query(request: Request, name: str) -> str | None:
    return parse_qs(request.query.decode()).get(name, [None])[0]
