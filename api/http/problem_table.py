"""Every problem the API answers with, in one table: add a line here and raise its code."""

from typing import NamedTuple


class ProblemKind(NamedTuple):
    """What a code means to a caller; `detail` says how to mend it."""

    status: int
    title: str
    detail: str


PROBLEMS: dict[str, ProblemKind] = {
    # What every route may answer.
    "malformed_body": ProblemKind(400, "The body cannot be read", "Send valid JSON in UTF-8."),
    "bad_request": ProblemKind(400, "The request cannot be read", "Check the request's headers and parameters."),
    "validation_failed": ProblemKind(422, "Some values are not acceptable", "Mend the fields listed in `errors`."),
    "login_required": ProblemKind(
        401, "A login is needed", "Send `Authorization: Bearer` with a valid access token; refresh an expired one."
    ),
    "forbidden": ProblemKind(403, "Not allowed", "Your roles do not include the permission that this route needs."),
    "not_found": ProblemKind(404, "Not found", "Check the address; what you may not see is not found, either."),
    "method_not_allowed": ProblemKind(405, "Method not allowed", "Use one of the methods in the `Allow` header."),
    "body_too_slow": ProblemKind(408, "The body did not come in time", "Send the body at once, and all of it."),
    "body_too_large": ProblemKind(413, "The body is too large", "Send a smaller body."),
    "unsupported_media_type": ProblemKind(
        415, "Unsupported media type", "Send the `Content-Type` that the `Accept` header of this answer names."
    ),
    "too_many_requests": ProblemKind(429, "Too many attempts", "Wait for as many seconds as `Retry-After` says."),
    "internal_error": ProblemKind(
        500, "Something went wrong here", "It was recorded. Tell us the `requestId` if it goes on."
    ),
    "service_unavailable": ProblemKind(
        503, "A part of the academy does not answer", "Nothing is half done: try again in a few seconds."
    ),
    # Identity.
    "credentials_refused": ProblemKind(
        401, "E-mail or password is wrong", "Check both; after many attempts there is a wait."
    ),
    "account_disabled": ProblemKind(403, "This account is disabled", "Ask the academy to open it again."),
    "refresh_token_refused": ProblemKind(
        401, "This refresh token is not valid", "It is unknown, expired, used or revoked: log in again."
    ),
    "email_taken": ProblemKind(409, "This e-mail has an account", "Log in, or register with another e-mail."),
    "email_verified": ProblemKind(409, "This e-mail is verified", "There is nothing left to do."),
    "link_refused": ProblemKind(
        400, "This link does not work", "It is incomplete, expired or used: ask for a new one."
    ),
    "login_not_linked": ProblemKind(
        403,
        "This login is not linked to its account here",
        "Its e-mail has an account that it cannot be linked to by itself: log in there with its password and link it.",
    ),
    "login_subject_unusable": ProblemKind(
        403,
        "The login's token names nobody that can be kept",
        "Let your login put 1 to 255 printable ASCII characters in the claim `sub` (OpenID Connect Core §2).",
    ),
    "login_without_email": ProblemKind(
        403,
        "The login's token has no e-mail",
        "Let your login put the claims `email` and `email_verified` in its tokens; or log in here with a password and"
        " link it: a login that is linked needs none.",
    ),
    "login_elsewhere": ProblemKind(
        409, "This login is not kept here", "It came from your organisation's own login: end or change it there."
    ),
    "external_login_refused": ProblemKind(
        422, "This token opens nothing here", "Send a fresh access token of your organisation's own login."
    ),
    "external_login_taken": ProblemKind(
        409, "This login opens another account", "Unlink it there first, with that account's password."
    ),
    "external_login_exists": ProblemKind(
        409, "Another login opens this account", "Unlink that one first; each account has one of an organisation."
    ),
    # Courses and purchases.
    "course_not_found": ProblemKind(404, "No such course", "Check the course's id or slug; it may be unpublished."),
    "course_owned": ProblemKind(409, "You have this course", "Open it from your enrollments; nothing was charged."),
    "course_full": ProblemKind(409, "The course is full", "All seats are taken or held; try again later."),
    "no_price": ProblemKind(422, "No price in this currency", "Ask again in a currency that the course lists."),
    "payment_refused": ProblemKind(
        422,
        "The payment provider refuses this charge",
        "Try another currency, or ask the academy; nothing was charged.",
    ),
    "nothing_to_refund": ProblemKind(
        409, "There is nothing to give back", "Nothing was paid, or all of it is back or on its way: list the refunds."
    ),
    "payment_disputed": ProblemKind(
        409, "The payment is disputed", "Its bank decides about this money; ask again when the dispute is over."
    ),
    "refund_window_over": ProblemKind(
        409, "The time for a refund is over", "Ask the academy: it may give money back at any time."
    ),
    "watched_too_far": ProblemKind(
        409, "Too much of the course was watched", "Ask the academy: it may give money back all the same."
    ),
    "refund_exceeds_payment": ProblemKind(
        422, "More than was paid", "Ask for at most what is neither back nor on its way back."
    ),
    "confirmation_refused": ProblemKind(
        422,
        "This confirmation is not this purchase's",
        "Send the three values that Razorpay's checkout gave for it, unchanged.",
    ),
    "order_closed": ProblemKind(409, "This order is closed", "Start a new purchase with a new idempotency key."),
    "not_invoiced": ProblemKind(
        409, "There is no invoice", "A purchase is invoiced once it is paid; a free course needs no invoice."
    ),
    # Reviews.
    "not_a_learner": ProblemKind(403, "You are not a learner of this course", "Only its learners review a course."),
    # Learning.
    "not_enrolled": ProblemKind(
        409, "You are no learner of this course", "Enroll first: for others nothing is kept of what they see."
    ),
    "lesson_locked": ProblemKind(
        403, "This lesson is not open to you now", "The course's outline says for each lesson what it waits for."
    ),
    "completed_otherwise": ProblemKind(
        409, "This lesson is not marked as done", "Watch the video, pass the quiz or hand in the assignment."
    ),
    "events_out_of_time": ProblemKind(
        422,
        "None of these events can count",
        "They lie outside of the time in which the lesson was open to you, or after their receipt: set the device's"
        " clock, or send `sentAt`.",
    ),
    # Authoring.
    "version_changed": ProblemKind(
        412, "The course has changed meanwhile", "Read it again, and send the `ETag` that it has then as `If-Match`."
    ),
    "slug_taken": ProblemKind(409, "This slug is taken", "Choose another one."),
    "state_differs": ProblemKind(
        409, "The course is not in the state for this", "Read its `state`: docs/authoring.md says what may follow."
    ),
    "course_incomplete": ProblemKind(
        409, "The course would lack something", "Add what `errors` lists; a lesson is named by `lessons.` and its id."
    ),
    "course_in_use": ProblemKind(
        409, "The course cannot be deleted", "Only a draft that nobody ever had to do with can: archive it instead."
    ),
    "order_incomplete": ProblemKind(
        409,
        "The order does not name each module and lesson once",
        "Read the course again; somebody else has edited it.",
    ),
    "prerequisite_cycle": ProblemKind(
        409, "Lessons would wait for each other", "A lesson cannot come before itself, also not over others."
    ),
    "lesson_type_differs": ProblemKind(
        409, "This is not for a lesson of this type", "Read the lesson's `type`; it stays as it began."
    ),
    # Assignments.
    "assignment_not_ready": ProblemKind(
        409, "There is no assignment here", "The lesson is no assignment, or nothing was asked in it yet."
    ),
    "too_many_files": ProblemKind(
        409, "Too many files wait to be handed in", "Hand in those that are there; what is not used goes after a day."
    ),
    "upload_missing": ProblemKind(
        409, "Nothing was uploaded", "Send the file to the upload's `url` first; after 15 minutes ask for a new one."
    ),
    "file_size_differs": ProblemKind(
        422, "The file's size is not what was announced", "Ask for a new upload with the file's true size in bytes."
    ),
    "file_type_refused": ProblemKind(
        422,
        "The file is not of the announced type",
        "Its content decides, not its name: ask for a new upload, of a type that the assignment takes.",
    ),
    "file_not_ready": ProblemKind(
        422, "A file cannot be handed in", "Confirm its upload first; a file belongs to one submission of one lesson."
    ),
    "submission_graded": ProblemKind(
        409, "This work is graded", "Another version can be handed in when the grader asks for one."
    ),
    "too_many_submissions": ProblemKind(
        409, "Too many versions were handed in", "Ask the instructor to grade the last one."
    ),
    "submission_claimed": ProblemKind(
        409, "Another grader has claimed this submission", "Take another one, or wait until `claimedUntil`."
    ),
    "submission_changed": ProblemKind(
        409,
        "The submission has changed since you read it",
        "Read it again: somebody claimed or graded it, or a newer version came; then send its new `version`.",
    ),
    "submission_replaced": ProblemKind(
        409, "A newer version of this work was handed in", "Grade the newest one, which is in the queue."
    ),
    "programme_incomplete": ProblemKind(
        409, "The programme would lack something", "It has at least two courses, and all are published when it is."
    ),
    "programme_in_use": ProblemKind(
        409, "The programme cannot be deleted", "It is published, or somebody has completed it: withdraw it instead."
    ),
    # Quizzes.
    "quiz_not_ready": ProblemKind(409, "There is no quiz here", "The lesson is no quiz, or has no questions yet."),
    "attempts_used": ProblemKind(409, "No attempt is left", "Ask the instructor for another one."),
    "quiz_cool_down": ProblemKind(
        409, "It is too early for another attempt", "Wait until the quiz's `nextAttemptAt`, then start again."
    ),
    "attempt_over": ProblemKind(
        409, "The attempt's time is over", "What was saved before the deadline counts: look at the attempt."
    ),
    "attempt_submitted": ProblemKind(409, "The attempt is handed in", "Nothing can be changed any more: look at it."),
    "answers_outdated": ProblemKind(
        409, "Newer answers are saved", "Read the attempt, then save with a larger `sequence`."
    ),
    # Messages.
    "recipient_address_differs": ProblemKind(
        422,
        "An address is not the account's own",
        "Leave `email` and `phoneNumber` out, or send those that the account has; nothing was sent to anybody.",
    ),
    "recipient_unknown": ProblemKind(
        422, "A recipient is not known", "Name people by the ids of their accounts; nothing was sent to anybody."
    ),
    # Webhooks.
    "signature_refused": ProblemKind(
        400,
        "The signature is not valid",
        "Sign the raw body with the webhook secret; Stripe's 5 minutes old at most, Razorpay's 15 days.",
    ),
    "payload_not_understood": ProblemKind(
        422, "The signed event is not understood", "Send events of the API version that the academy was built for."
    ),
    # Idempotency-Key (draft-ietf-httpapi-idempotency-key-header).
    "idempotency_key_missing": ProblemKind(
        400, "An idempotency key is needed", "Send an `Idempotency-Key` header, new for each intent."
    ),
    "idempotency_key_reused": ProblemKind(
        422, "The idempotency key was used with another body", "Send a new key with a new request."
    ),
    "idempotency_key_in_progress": ProblemKind(
        409, "The first request with this key is being accepted", "Repeat the same request in a second."
    ),
    # Codec endpoint.
    "payload_not_readable": ProblemKind(
        422, "A payload cannot be decoded", "Its key is not among PAYLOAD_KEYS, or it was changed on the way."
    ),
}
"""By stable public code. The code is the last part of the problem's `type`, too."""
