-- What the brief's "course_quizzes" has no column for: rules, versions of the questions, voided ones, attempts, allowances.

-- A quiz without a row has no cool-down, and its best score counts.
CREATE TABLE "quiz_rules" (
  "quiz_id" TEXT PRIMARY KEY REFERENCES "course_quizzes" ("id") ON DELETE CASCADE,
  "cool_down_minutes" INTEGER NOT NULL,
  "score_counts" TEXT NOT NULL,
  CONSTRAINT "quiz_rules_cool_down_check" CHECK ("cool_down_minutes" >= 0),
  CONSTRAINT "quiz_rules_score_check" CHECK ("score_counts" IN ('best', 'last'))
);

CREATE TABLE "quiz_versions" (
  "id" TEXT PRIMARY KEY,
  "quiz_id" TEXT NOT NULL REFERENCES "course_quizzes" ("id") ON DELETE CASCADE,
  "number" INTEGER NOT NULL,
  "content" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "created_by" TEXT REFERENCES "users" ("id"),
  CONSTRAINT "quiz_versions_quiz_number_key" UNIQUE ("quiz_id", "number")
);

CREATE TABLE "quiz_voids" (
  "id" TEXT PRIMARY KEY,
  "version_id" TEXT NOT NULL REFERENCES "quiz_versions" ("id") ON DELETE CASCADE,
  "question_id" TEXT NOT NULL,
  "voided_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "voided_by" TEXT REFERENCES "users" ("id"),
  "regraded_at" TIMESTAMPTZ,
  CONSTRAINT "quiz_voids_version_question_key" UNIQUE ("version_id", "question_id")
);

CREATE TABLE "quiz_attempts" (
  "id" TEXT PRIMARY KEY,
  "enrollment_id" TEXT NOT NULL REFERENCES "course_enrollments" ("id") ON DELETE CASCADE,
  "quiz_id" TEXT NOT NULL REFERENCES "course_quizzes" ("id") ON DELETE CASCADE,
  "version_id" TEXT NOT NULL REFERENCES "quiz_versions" ("id") ON DELETE CASCADE,
  "number" INTEGER NOT NULL,
  "seed" TEXT NOT NULL,
  "passing_score" INTEGER NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "deadline_at" TIMESTAMPTZ,
  "answers" JSONB NOT NULL,
  "answers_sequence" BIGINT NOT NULL,
  "submitted_at" TIMESTAMPTZ,
  "submitted_by" TEXT,
  "score" INTEGER,
  "is_passed" BOOLEAN,
  CONSTRAINT "quiz_attempts_learner_number_key" UNIQUE ("enrollment_id", "quiz_id", "number"),
  CONSTRAINT "quiz_attempts_submitted_check" CHECK (
    ("submitted_at" IS NULL) = ("score" IS NULL) AND ("submitted_at" IS NULL) = ("is_passed" IS NULL)
    AND ("submitted_at" IS NULL) = ("submitted_by" IS NULL)
  ),
  CONSTRAINT "quiz_attempts_submitted_by_check" CHECK ("submitted_by" IN ('learner', 'deadline'))
);

CREATE TABLE "quiz_allowances" (
  "id" TEXT PRIMARY KEY,
  "enrollment_id" TEXT NOT NULL REFERENCES "course_enrollments" ("id") ON DELETE CASCADE,
  "quiz_id" TEXT NOT NULL REFERENCES "course_quizzes" ("id") ON DELETE CASCADE,
  "extra_minutes" INTEGER NOT NULL,
  "extra_attempts" INTEGER NOT NULL,
  "granted_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "granted_by" TEXT REFERENCES "users" ("id"),
  CONSTRAINT "quiz_allowances_learner_key" UNIQUE ("enrollment_id", "quiz_id"),
  CONSTRAINT "quiz_allowances_extra_check" CHECK ("extra_minutes" >= 0 AND "extra_attempts" >= 0)
);

CREATE UNIQUE INDEX quiz_attempts_open ON quiz_attempts (enrollment_id, quiz_id) WHERE submitted_at IS NULL;
CREATE INDEX quiz_attempts_overdue ON quiz_attempts (deadline_at) WHERE submitted_at IS NULL;
CREATE INDEX quiz_attempts_version ON quiz_attempts (version_id, id);
CREATE INDEX quiz_voids_waiting ON quiz_voids (voided_at) WHERE regraded_at IS NULL;
