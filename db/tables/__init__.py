"""Piccolo tables by area. The brief's thirteen carry its camelCase column names; ours are in snake_case (ADR 2)."""

from piccolo.table import Table

from db.tables.access import Entitlement
from db.tables.assignments import (
    Assignment,
    AssignmentFile,
    AssignmentGrading,
    AssignmentSubmission,
    HiddenReview,
)
from db.tables.certificates import CourseCertificate
from db.tables.courses import CatalogGeneration, Course, CourseLesson, CourseModule, CoursePrice, CourseQuiz
from db.tables.disputes import CreditNote, Dispute
from db.tables.identity import (
    AuthSession,
    Clinic,
    ClinicMember,
    Company,
    EmailLink,
    ExternalIdentity,
    RefreshToken,
    User,
)
from db.tables.learning import CourseAnalytics, CourseEnrollment, CourseReview, LessonProgress
from db.tables.ledger import LedgerAccount, LedgerEntry, LedgerPosting
from db.tables.messaging import Communication, Device, MessagePreference, MessageReceipt
from db.tables.operations import AuditEvent, OutgoingMessage, ProviderEvent
from db.tables.programmes import Programme, ProgrammeCompletion, ProgrammeCourse
from db.tables.progress import CourseCompletion, CourseState, LessonPrerequisite, LessonRule, LessonWatch
from db.tables.quizzes import QuizAllowance, QuizAttempt, QuizRule, QuizVersion, QuizVoid
from db.tables.sales import (
    IdempotencyKey,
    Invoice,
    InvoiceCounter,
    InvoiceLine,
    Order,
    Payment,
    Refund,
)
from db.tables.subscriptions import CourseSubscription
from db.tables.teaching import CourseLiveSession, CourseRecommendation, InstructorEarning

TABLES: list[type[Table]] = [
    User,
    AuthSession,
    RefreshToken,
    EmailLink,
    ExternalIdentity,
    Clinic,
    ClinicMember,
    Company,
    Course,
    CourseModule,
    CourseLesson,
    CourseQuiz,
    CoursePrice,
    CatalogGeneration,
    CourseEnrollment,
    LessonProgress,
    CourseReview,
    CourseAnalytics,
    CourseState,
    LessonRule,
    LessonPrerequisite,
    LessonWatch,
    CourseCompletion,
    Assignment,
    AssignmentSubmission,
    AssignmentFile,
    AssignmentGrading,
    HiddenReview,
    Programme,
    ProgrammeCourse,
    ProgrammeCompletion,
    QuizRule,
    QuizVersion,
    QuizVoid,
    QuizAttempt,
    QuizAllowance,
    CourseCertificate,
    CourseSubscription,
    InstructorEarning,
    CourseLiveSession,
    CourseRecommendation,
    Entitlement,
    Order,
    IdempotencyKey,
    Payment,
    Invoice,
    InvoiceLine,
    Refund,
    InvoiceCounter,
    Dispute,
    CreditNote,
    LedgerAccount,
    LedgerPosting,
    LedgerEntry,
    AuditEvent,
    Device,
    MessagePreference,
    Communication,
    MessageReceipt,
    OutgoingMessage,
    ProviderEvent,
]
"""Every table, referenced ones before those that refer to them."""
