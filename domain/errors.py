"""Typed business refusals and outages, by the names that retry policies and stories match on."""

from collections.abc import Mapping


class AcademyError(Exception):
    """Base of the errors this project raises on purpose."""


class BusinessRefusalError(AcademyError):
    """A business "no": trying again cannot help (design rule 5).

    `code` is a stable, public word such as `course_full`; no inner text is carried.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FieldsRefusedError(BusinessRefusalError):
    """A business "no" that says which values of the request, or parts of the thing, it is about.

    `fields` are public words: JSON paths and what is wrong there.
    """

    def __init__(self, code: str, fields: Mapping[str, str]) -> None:
        super().__init__(code)
        self.fields = dict(fields)


class OutageError(AcademyError):
    """Something outside did not answer, or answered 5xx: worth another try."""


class UnknownOutcomeError(OutageError):
    """The call failed after it may have taken effect: look for the object before trying again (design rule 2)."""


class AnsweredFaultError(UnknownOutcomeError):
    """A writing call was answered 5xx. The provider may keep that answer under the idempotency key and repeat it,
    so the next try looks for the object and then uses the next key (Stripe, "Idempotent requests").

    `is_replay` when the provider says that it only repeated an earlier answer.
    """

    def __init__(self, text: str, *, is_replay: bool = False) -> None:
        super().__init__(text)
        self.is_replay = is_replay
