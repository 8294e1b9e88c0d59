-- What the brief's tables have no column for: where a course stands while it is written, rules about its lessons, what
-- was watched of them, and who came to the end.

-- A course without a row is published or a draft, as its "isPublished" says.
CREATE TABLE "course_states" (
  "course_id" TEXT PRIMARY KEY REFERENCES "courses" ("id") ON DELETE CASCADE,
  "state" TEXT NOT NULL,
  "changed_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "changed_by" TEXT REFERENCES "users" ("id"),
  CONSTRAINT "course_states_state_check" CHECK ("state" IN ('draft', 'in_review', 'published', 'archived'))
);

-- A lesson without a row is required and open from the start.
CREATE TABLE "lesson_rules" (
  "lesson_id" TEXT PRIMARY KEY REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "is_required" BOOLEAN NOT NULL DEFAULT TRUE,
  "opens_at" TIMESTAMPTZ,
  "opens_after_days" INTEGER,
  "transcript" TEXT,
  CONSTRAINT "lesson_rules_drip_check" CHECK ("opens_at" IS NULL OR "opens_after_days" IS NULL),
  CONSTRAINT "lesson_rules_days_check" CHECK ("opens_after_days" >= 0)
);

CREATE TABLE "lesson_prerequisites" (
  "lesson_id" TEXT NOT NULL REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "requires_lesson_id" TEXT NOT NULL REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "id" TEXT PRIMARY KEY,
  CONSTRAINT "lesson_prerequisites_pair_key" UNIQUE ("lesson_id", "requires_lesson_id"),
  CONSTRAINT "lesson_prerequisites_self_check" CHECK ("lesson_id" <> "requires_lesson_id")
);

CREATE TABLE "lesson_watches" (
  "id" TEXT PRIMARY KEY,
  "enrollment_id" TEXT NOT NULL REFERENCES "course_enrollments" ("id") ON DELETE CASCADE,
  "lesson_id" TEXT NOT NULL REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "watched" INT4MULTIRANGE NOT NULL,
  "spent" TSTZMULTIRANGE NOT NULL,
  "newest_at" TIMESTAMPTZ NOT NULL,
  "newest_sequence" BIGINT NOT NULL,
  CONSTRAINT "lesson_watches_enrollment_lesson_key" UNIQUE ("enrollment_id", "lesson_id")
);

-- The outbox of completions: a row is written once, in the transaction that completes the last lesson.
CREATE TABLE "course_completions" (
  "enrollment_id" TEXT PRIMARY KEY REFERENCES "course_enrollments" ("id") ON DELETE CASCADE,
  "reached_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "marked_at" TIMESTAMPTZ
);

CREATE INDEX course_completions_unmarked ON course_completions (reached_at) WHERE marked_at IS NULL;
CREATE INDEX lesson_prerequisites_requires ON lesson_prerequisites (requires_lesson_id);
