-- Courses, their modules, lessons, quizzes and prices (the brief's tables keep its column names).

CREATE TABLE "courses" (
  "id" TEXT PRIMARY KEY,
  "slug" TEXT UNIQUE NOT NULL,
  "title" TEXT NOT NULL,
  "description" TEXT,
  "cmsContentId" TEXT,
  "thumbnailUrl" TEXT,
  "trailerVideoUrl" TEXT,
  "category" TEXT NOT NULL,
  "level" TEXT NOT NULL,
  "language" TEXT DEFAULT 'en',
  "duration" INTEGER,
  "price" NUMERIC(10, 2),
  "subscriptionPrice" NUMERIC(10, 2),
  "isFree" BOOLEAN DEFAULT false,
  "isPublished" BOOLEAN DEFAULT false,
  "publishedAt" TIMESTAMP,
  "clinicId" TEXT REFERENCES "clinics" ("id"),
  "instructorId" TEXT REFERENCES "users" ("id"),
  "maxEnrollments" INTEGER,
  "certificateTemplate" TEXT,
  "metadata" JSONB,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW()
);

CREATE TABLE "course_modules" (
  "id" TEXT PRIMARY KEY,
  "courseId" TEXT NOT NULL REFERENCES "courses" ("id") ON DELETE CASCADE,
  "title" TEXT NOT NULL,
  "description" TEXT,
  "order" INTEGER NOT NULL,
  "cmsContentId" TEXT,
  "isPreview" BOOLEAN DEFAULT false,
  "estimatedDuration" INTEGER,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW()
);

CREATE TABLE "course_lessons" (
  "id" TEXT PRIMARY KEY,
  "moduleId" TEXT NOT NULL REFERENCES "course_modules" ("id") ON DELETE CASCADE,
  "title" TEXT NOT NULL,
  "description" TEXT,
  "order" INTEGER NOT NULL,
  "type" TEXT NOT NULL,
  "cmsContentId" TEXT,
  "videoUrl" TEXT,
  "videoDuration" INTEGER,
  "content" TEXT,
  "isPreview" BOOLEAN DEFAULT false,
  "estimatedDuration" INTEGER,
  "resourceUrls" TEXT[],
  "quizId" TEXT,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW()
);

CREATE TABLE "course_quizzes" (
  "id" TEXT PRIMARY KEY,
  "lessonId" TEXT NOT NULL REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "title" TEXT NOT NULL,
  "description" TEXT,
  "passingScore" INTEGER DEFAULT 70,
  "maxAttempts" INTEGER DEFAULT 3,
  "timeLimit" INTEGER,
  "questions" JSONB NOT NULL,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW()
);

CREATE TABLE "course_prices" (
  "id" TEXT PRIMARY KEY,
  "course_id" TEXT NOT NULL REFERENCES "courses" ("id") ON DELETE CASCADE,
  "currency" TEXT NOT NULL,
  "amount" NUMERIC(14, 2) NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "course_prices_course_currency_key" UNIQUE ("course_id", "currency"),
  CONSTRAINT "course_prices_amount_check" CHECK ("amount" > 0)
);

CREATE INDEX idx_courses_category ON courses ("category");
CREATE INDEX idx_courses_published ON courses ("isPublished", "publishedAt");
CREATE INDEX idx_courses_clinic ON courses ("clinicId");
CREATE INDEX course_modules_course ON course_modules ("courseId", "order");
CREATE INDEX course_lessons_module ON course_lessons ("moduleId", "order");
