"""What a course lacks before it can be published."""

from db.sql import fetch
from domain.learning.authoring import Gap, GapKind

# A lesson that does not count (`db.queries.learning.completion`) may lack what it wants: nobody waits for it.
_GAPS = """
WITH in_course AS (
  SELECT l.id, l.type, coalesce(r.is_required, TRUE) AS is_required, coalesce(l.content, '') <> '' AS has_content,
         coalesce(l."cmsContentId", '') <> '' AS in_cms,
         coalesce(l."videoUrl", '') <> '' AS has_video, coalesce(l."videoDuration", 0) > 0 AS has_duration
  FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId" LEFT JOIN lesson_rules r ON r.lesson_id = l.id
  WHERE m."courseId" = $1
)
SELECT 'lessons' AS kind, NULL AS lesson_id WHERE NOT EXISTS (SELECT FROM in_course)
UNION ALL SELECT 'description', NULL FROM courses WHERE id = $1 AND coalesce(description, '') = ''
UNION ALL SELECT 'price', NULL FROM courses WHERE id = $1 AND NOT coalesce("isFree", FALSE) AND coalesce(price, 0) <= 0
UNION ALL SELECT type, id FROM in_course
WHERE (is_required OR NOT EXISTS (SELECT FROM in_course WHERE is_required)) AND NOT CASE type
  WHEN 'video' THEN (has_video OR in_cms) AND has_duration
  WHEN 'text' THEN has_content OR in_cms
  WHEN 'quiz' THEN EXISTS (SELECT FROM course_quizzes WHERE "lessonId" = in_course.id)
  WHEN 'assignment' THEN EXISTS (SELECT FROM assignments WHERE lesson_id = in_course.id)
  WHEN 'live-session' THEN EXISTS (SELECT FROM course_live_sessions WHERE "lessonId" = in_course.id)
  ELSE TRUE END
"""


async def gaps_of(course_id: str) -> frozenset[Gap]:
    """Everything that keeps a course from being published; empty when it may be."""
    return frozenset(Gap(GapKind(row["kind"]), row["lesson_id"]) for row in await fetch(_GAPS, course_id))
