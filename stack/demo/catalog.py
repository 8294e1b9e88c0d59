"""Demo courses. A course is written once: its audit row says so, even if somebody has changed or deleted it since."""

from datetime import UTC, datetime, timedelta

from db.sql import as_json, fetch, fetch_one
from domain.learning.questions import QuizContent
from stack.demo.content import Course, Lesson, Module
from stack.demo.ids import demo_id

DRAFTED_AT = datetime(2026, 5, 4, 4, 30)  # noqa: DTZ001 the brief's columns are UTC without a zone
REVIEW_TIME = timedelta(days=7)
MEDIA = "https://media.academy.example"
RUBRIC = [
    {"id": "care", "title": "Care", "description": "Is it complete and clear?", "points": 60},
    {"id": "thought", "title": "Thought", "description": "Is it said why?", "points": 40},
]
"""Of every demo assignment."""


async def load_course(category: str, course: Course, user_ids: dict[str, str]) -> bool:
    """Write a course with all that belongs to it, unless it was written before; whether it was written now."""
    course_id = demo_id("course", course.slug)
    created_event = demo_id("audit", f"course.created/{course.slug}")
    known = await fetch_one(
        "SELECT FROM audit_events WHERE id = $1 UNION ALL SELECT FROM courses WHERE id = $2 OR slug = $3",
        *(created_event, course_id, course.slug),
    )
    if known is not None:
        return False
    author = user_ids[course.instructor]
    created_at = course.published_at - REVIEW_TIME if course.published_at else DRAFTED_AT
    await fetch(
        'INSERT INTO courses (id, slug, title, description, "thumbnailUrl", category, level, language, duration, price,'
        ' "subscriptionPrice", "isFree", "isPublished", "publishedAt", "clinicId", "instructorId", "maxEnrollments",'
        ' "certificateTemplate", metadata, "createdAt", "updatedAt") VALUES'
        " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
        *(course_id, course.slug, course.title, course.description, f"{MEDIA}/covers/{course.slug}.webp"),
        *(category, course.level, course.language, course.minutes, course.price, course.subscription_price),
        *(course.free, course.published_at is not None, course.published_at),
        *(demo_id("clinic", course.clinic) if course.clinic else None, author, course.seats, course.certificate),
        *(as_json({"tags": course.tags}), created_at, course.published_at or created_at),
    )
    if course.usd is not None:
        await fetch(
            "INSERT INTO course_prices (id, course_id, currency, amount, created_at) VALUES ($1, $2, 'USD', $3, $4)",
            *(demo_id("price", f"{course.slug}/USD"), course_id, course.usd, created_at.replace(tzinfo=UTC)),
        )
    for order, module in enumerate(course.modules, start=1):
        await _load_module(course.slug, order, module, created_at)
    await _audit(created_event, "course.created", course_id, author, created_at)
    if course.published_at is not None:
        published_event = demo_id("audit", f"course.published/{course.slug}")
        await _audit(published_event, "course.published", course_id, user_ids["contentadmin"], course.published_at)
    return True


async def _load_module(slug: str, order: int, module: Module, created_at: datetime) -> None:
    module_id = demo_id("module", f"{slug}/{order}")
    minutes = sum(lesson.minutes for lesson in module.lessons)
    await fetch(
        'INSERT INTO course_modules (id, "courseId", title, "order", "isPreview", "estimatedDuration", "createdAt",'
        ' "updatedAt") VALUES ($1, $2, $3, $4, $5, $6, $7, $7)',
        *(module_id, demo_id("course", slug), module.title, order, module.preview, minutes, created_at),
    )
    for position, lesson in enumerate(module.lessons, start=1):
        await _load_lesson(f"{slug}/{order}.{position}", module_id, position, lesson, created_at)


async def _load_lesson(name: str, module_id: str, order: int, lesson: Lesson, created_at: datetime) -> None:
    lesson_id = demo_id("lesson", name)
    quiz_id = demo_id("quiz", name) if lesson.questions else None
    is_video = lesson.type == "video"
    await fetch(
        'INSERT INTO course_lessons (id, "moduleId", title, description, "order", type, "videoUrl", "videoDuration",'
        ' content, "isPreview", "estimatedDuration", "quizId", "createdAt", "updatedAt")'
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
        *(lesson_id, module_id, lesson.title, lesson.about, order, lesson.type),
        *(
            f"{MEDIA}/lessons/{lesson_id}.m3u8" if is_video else None,
            (lesson.seconds or lesson.minutes * 60) if is_video else None,
        ),
        *(lesson.content, lesson.preview, lesson.minutes, quiz_id, created_at),
    )
    if quiz_id is not None:
        await fetch(
            'INSERT INTO course_quizzes (id, "lessonId", title, questions, "createdAt", "updatedAt")'
            " VALUES ($1, $2, $3, $4, $5, $5)",
            *(quiz_id, lesson_id, lesson.title, as_json(lesson.questions), created_at),
        )
        await fetch(
            "INSERT INTO quiz_versions (id, quiz_id, number, content, created_at) VALUES ($1, $2, 1, $3, $4)",
            *(demo_id("quiz-version", f"{name}/1"), quiz_id, as_json(QuizContent(questions=lesson.questions))),
            created_at.replace(tzinfo=UTC),
        )

    if lesson.optional or lesson.after_days is not None:
        await fetch(
            "INSERT INTO lesson_rules (lesson_id, is_required, opens_after_days) VALUES ($1, $2, $3)",
            *(lesson_id, not lesson.optional, lesson.after_days),
        )
    if lesson.type == "assignment" and lesson.about is not None:
        await fetch(
            "INSERT INTO assignments (lesson_id, instructions, rubric, passing_score, changed_at)"
            " VALUES ($1, $2, $3, 50, $4)",
            *(lesson_id, lesson.about, as_json(RUBRIC), created_at.replace(tzinfo=UTC)),
        )
    if lesson.live_at is not None:
        await fetch(
            'INSERT INTO course_live_sessions (id, "courseId", "lessonId", "instructorId", title, "startsAt", duration,'
            ' "joinUrl", "createdAt", "updatedAt") SELECT $1, c.id, $2, c."instructorId", $3, $4, $5, $6, $7, $7'
            ' FROM course_modules m JOIN courses c ON c.id = m."courseId" WHERE m.id = $8',
            *(demo_id("session", name), lesson_id, lesson.title, lesson.live_at, lesson.minutes),
            *(f"https://meet.academy.example/{lesson_id}", created_at, module_id),
        )


async def _audit(event_id: str, action: str, course_id: str, actor_id: str, at: datetime) -> None:
    await fetch(
        "INSERT INTO audit_events (id, at, action, actor_id, subject_type, subject_id)"
        " VALUES ($1, $2, $3, $4, 'course', $5)",
        *(event_id, at.replace(tzinfo=UTC), action, actor_id, course_id),
    )
