"""Every controller and route handler of the API: one line each."""

from litestar.types import ControllerRouterHandler

from api.assignments.assignment import get_assignment, hand_in_submission, put_assignment
from api.assignments.files import get_file, put_file
from api.assignments.grading import (
    claim_submission,
    get_submission,
    grade_submission,
    list_submissions,
    release_submission,
)
from api.assignments.uploads import confirm_upload, create_upload, get_upload_download
from api.authoring.content import (
    add_module,
    change_module,
    order_course,
    put_prerequisites,
    remove_module,
)
from api.authoring.courses import (
    change_course,
    create_course,
    delete_course,
    get_authored_course,
    list_authored_courses,
)
from api.authoring.lessons import add_lesson, change_lesson, get_authored_lesson, remove_lesson
from api.authoring.programmes import (
    change_programme,
    create_programme,
    delete_programme,
    get_authored_programme,
    list_authored_programmes,
    publish_programme,
    withdraw_programme,
)
from api.authoring.quizzes import (
    get_lesson_quiz,
    get_quiz_version,
    put_allowance,
    put_lesson_quiz,
    void_quiz_question,
)
from api.authoring.sessions import add_live_session, change_live_session, remove_live_session
from api.authoring.states import (
    archive_course,
    publish_course,
    restore_course,
    return_course,
    submit_course,
)
from api.catalog.controller import get_course, list_courses
from api.catalog.programmes import list_programmes_on_offer
from api.identity.controller import IdentityController
from api.identity.external_logins import ExternalLoginController
from api.identity.pages import forgot_password_page, reset_password_page, verify_email_page
from api.identity.recovery_controller import RecoveryController
from api.identity.session_list import SessionController
from api.learning.heartbeats import send_heartbeats
from api.learning.lessons import (
    complete_a_lesson,
    get_my_notes,
    open_a_lesson,
    put_bookmark,
    put_my_notes,
    remove_bookmark,
)
from api.learning.live_sessions import list_live_sessions
from api.learning.outlines import get_my_outline
from api.learning.programmes import list_my_programmes
from api.learning.quizzes import (
    get_quiz,
    get_quiz_attempt,
    save_quiz_answers,
    start_quiz_attempt,
    submit_quiz_attempt,
)
from api.messages.communications import send_communication
from api.messages.preferences import (
    get_preferences,
    list_my_devices,
    put_preferences,
    register_device,
    remove_device,
)
from api.messages.unsubscribe import show_unsubscribe, unsubscribe
from api.operations.codec import codec_router
from api.operations.docs import docs_page, openapi_json, problem_page
from api.operations.health import live, ready
from api.purchases.confirmations import confirm_purchase
from api.purchases.controller import create_purchase, get_purchase
from api.purchases.documents import get_credit_note_pdf, get_credit_notes, get_invoice_pdf
from api.purchases.mine import get_my_access, list_my_enrollments, list_my_purchases
from api.purchases.refunds import create_refund, get_refund, list_refunds
from api.reviews.controller import delete_my_review, get_my_review, list_reviews, put_my_review
from api.reviews.moderation import list_all_reviews, put_review_visibility
from api.webhooks.razorpay import receive_razorpay_event
from api.webhooks.receipts import receive_twilio_receipt, receive_whatsapp_receipts, verify_whatsapp_webhook
from api.webhooks.stripe import receive_stripe_event

ROUTES: list[ControllerRouterHandler] = [
    IdentityController,
    SessionController,
    ExternalLoginController,
    RecoveryController,
    verify_email_page,
    reset_password_page,
    forgot_password_page,
    codec_router,
    live,
    ready,
    openapi_json,
    docs_page,
    problem_page,
    list_courses,
    get_course,
    list_programmes_on_offer,
    list_authored_courses,
    create_course,
    get_authored_course,
    change_course,
    delete_course,
    submit_course,
    return_course,
    publish_course,
    archive_course,
    restore_course,
    add_module,
    change_module,
    remove_module,
    order_course,
    add_lesson,
    get_authored_lesson,
    change_lesson,
    remove_lesson,
    put_prerequisites,
    add_live_session,
    change_live_session,
    remove_live_session,
    list_authored_programmes,
    create_programme,
    get_authored_programme,
    change_programme,
    publish_programme,
    withdraw_programme,
    delete_programme,
    list_live_sessions,
    list_my_programmes,
    create_purchase,
    get_purchase,
    get_invoice_pdf,
    get_credit_notes,
    get_credit_note_pdf,
    confirm_purchase,
    create_refund,
    list_refunds,
    get_refund,
    list_my_purchases,
    list_my_enrollments,
    get_my_access,
    get_my_outline,
    open_a_lesson,
    send_heartbeats,
    complete_a_lesson,
    get_my_notes,
    put_my_notes,
    put_bookmark,
    remove_bookmark,
    put_lesson_quiz,
    get_lesson_quiz,
    get_quiz_version,
    void_quiz_question,
    put_allowance,
    get_quiz,
    start_quiz_attempt,
    get_quiz_attempt,
    save_quiz_answers,
    submit_quiz_attempt,
    get_preferences,
    put_preferences,
    list_my_devices,
    register_device,
    remove_device,
    show_unsubscribe,
    unsubscribe,
    send_communication,
    list_reviews,
    get_my_review,
    put_my_review,
    delete_my_review,
    list_all_reviews,
    put_review_visibility,
    put_assignment,
    get_assignment,
    create_upload,
    confirm_upload,
    get_upload_download,
    put_file,
    get_file,
    hand_in_submission,
    list_submissions,
    get_submission,
    claim_submission,
    release_submission,
    grade_submission,
    receive_stripe_event,
    receive_razorpay_event,
    receive_twilio_receipt,
    receive_whatsapp_receipts,
    verify_whatsapp_webhook,
]
