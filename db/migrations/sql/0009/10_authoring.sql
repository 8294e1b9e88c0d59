-- A course's version, which rises with every change of its content; and certificate programmes.

ALTER TABLE "course_states" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 0;

CREATE TABLE "programmes" (
  "id" TEXT PRIMARY KEY,
  "slug" TEXT UNIQUE NOT NULL,
  "title" TEXT NOT NULL,
  "description" TEXT,
  "author_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "certificate_template" TEXT,
  "published_at" TIMESTAMPTZ,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE "programme_courses" (
  "id" TEXT PRIMARY KEY,
  "programme_id" TEXT NOT NULL REFERENCES "programmes" ("id") ON DELETE CASCADE,
  "course_id" TEXT NOT NULL REFERENCES "courses" ("id"),
  "position" INTEGER NOT NULL,
  CONSTRAINT "programme_courses_programme_course_key" UNIQUE ("programme_id", "course_id")
);

-- The outbox of programmes' certificates: a row is written once, with the completion of the last course.
CREATE TABLE "programme_completions" (
  "id" TEXT PRIMARY KEY,
  "programme_id" TEXT NOT NULL REFERENCES "programmes" ("id"),
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "reached_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "programme_completions_programme_user_key" UNIQUE ("programme_id", "user_id")
);

CREATE INDEX programme_courses_course ON programme_courses (course_id);
CREATE INDEX programme_completions_user ON programme_completions (user_id);
CREATE INDEX programmes_author ON programmes (author_id);
CREATE INDEX courses_instructor ON courses ("instructorId");
-- What a lesson's removal looks for.
CREATE INDEX course_analytics_lesson ON course_analytics ("lessonId");
CREATE INDEX lesson_watches_lesson ON lesson_watches (lesson_id);
CREATE INDEX course_live_sessions_lesson ON course_live_sessions ("lessonId");
