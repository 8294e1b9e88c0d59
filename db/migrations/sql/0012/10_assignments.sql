-- Assignments: what is asked, what is handed in, how it was graded. And reviews that a moderator has hidden.

CREATE TABLE "assignments" (
  "lesson_id" TEXT PRIMARY KEY REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "instructions" TEXT NOT NULL,
  "rubric" JSONB NOT NULL,
  "passing_score" INTEGER NOT NULL,
  "changed_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "changed_by" TEXT REFERENCES "users" ("id"),
  CONSTRAINT "assignments_passing_score_check" CHECK (("passing_score" >= 0 AND "passing_score" <= 100))
);

CREATE TABLE "assignment_submissions" (
  "id" TEXT PRIMARY KEY,
  "enrollment_id" TEXT NOT NULL REFERENCES "course_enrollments" ("id") ON DELETE CASCADE,
  "lesson_id" TEXT NOT NULL REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "number" INTEGER NOT NULL,
  "comment" TEXT,
  "state" TEXT NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "submitted_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "claimed_by" TEXT REFERENCES "users" ("id"),
  "claimed_at" TIMESTAMPTZ,
  CONSTRAINT "assignment_submissions_number_key" UNIQUE ("enrollment_id", "lesson_id", "number"),
  CONSTRAINT "assignment_submissions_state_check" CHECK ("state" IN ('submitted', 'replaced', 'graded', 'returned'))
);
-- One at most waits to be graded.
CREATE UNIQUE INDEX assignment_submissions_waiting ON assignment_submissions (enrollment_id, lesson_id)
  WHERE state = 'submitted';
CREATE INDEX assignment_submissions_queue ON assignment_submissions (id) WHERE state = 'submitted';
CREATE INDEX assignment_submissions_lesson ON assignment_submissions (lesson_id);

-- A file outlives its lesson and its submission until the sweep has deleted what is stored of it.
CREATE TABLE "assignment_files" (
  "id" TEXT PRIMARY KEY,
  "enrollment_id" TEXT REFERENCES "course_enrollments" ("id") ON DELETE SET NULL,
  "lesson_id" TEXT REFERENCES "course_lessons" ("id") ON DELETE SET NULL,
  "submission_id" TEXT REFERENCES "assignment_submissions" ("id") ON DELETE SET NULL,
  "name" TEXT NOT NULL,
  "media_type" TEXT NOT NULL,
  "size" BIGINT NOT NULL,
  "state" TEXT NOT NULL,
  "storage_key" TEXT,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "swept_at" TIMESTAMPTZ,
  CONSTRAINT "assignment_files_state_check" CHECK ("state" IN ('announced', 'stored', 'abandoned'))
);
CREATE INDEX assignment_files_enrollment ON assignment_files (enrollment_id, lesson_id);
CREATE INDEX assignment_files_submission ON assignment_files (submission_id);
CREATE INDEX assignment_files_unswept ON assignment_files (created_at) WHERE swept_at IS NULL OR submission_id IS NULL;

CREATE TABLE "assignment_gradings" (
  "id" TEXT PRIMARY KEY,
  "submission_id" TEXT NOT NULL REFERENCES "assignment_submissions" ("id") ON DELETE CASCADE,
  "number" INTEGER NOT NULL,
  "graded_by" TEXT NOT NULL REFERENCES "users" ("id"),
  "graded_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "score" INTEGER NOT NULL,
  "has_passed" BOOLEAN NOT NULL,
  "points" JSONB NOT NULL,
  "feedback" TEXT NOT NULL,
  "asks_again" BOOLEAN NOT NULL,
  CONSTRAINT "assignment_gradings_number_key" UNIQUE ("submission_id", "number"),
  CONSTRAINT "assignment_gradings_score_check" CHECK (("score" >= 0 AND "score" <= 100))
);
