-- What learners have and do, subscriptions and teaching (the brief's tables keep its column names).

CREATE TABLE "course_enrollments" (
  "id" TEXT PRIMARY KEY,
  "userId" TEXT NOT NULL REFERENCES "users" ("id"),
  "courseId" TEXT NOT NULL REFERENCES "courses" ("id"),
  "clinicId" TEXT REFERENCES "clinics" ("id"),
  "enrolledAt" TIMESTAMP DEFAULT NOW(),
  "status" TEXT DEFAULT 'active',
  "paymentId" TEXT,
  "expiresAt" TIMESTAMP,
  "certificateIssuedAt" TIMESTAMP,
  "certificateId" TEXT,
  "completionPercentage" INTEGER DEFAULT 0,
  "lastAccessedAt" TIMESTAMP,
  "accessedFrom" TEXT,
  "metadata" JSONB,
  CONSTRAINT "course_enrollments_user_course_key" UNIQUE ("userId", "courseId")
);

CREATE TABLE "lesson_progress" (
  "id" TEXT PRIMARY KEY,
  "enrollmentId" TEXT NOT NULL REFERENCES "course_enrollments" ("id") ON DELETE CASCADE,
  "lessonId" TEXT NOT NULL REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "status" TEXT DEFAULT 'not_started',
  "progressPercentage" INTEGER DEFAULT 0,
  "timeSpent" INTEGER DEFAULT 0,
  "lastPosition" INTEGER,
  "completedAt" TIMESTAMP,
  "quizScore" INTEGER,
  "quizAttempts" INTEGER DEFAULT 0,
  "notes" TEXT,
  "bookmarked" BOOLEAN DEFAULT false,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW(),
  CONSTRAINT "lesson_progress_enrollment_lesson_key" UNIQUE ("enrollmentId", "lessonId")
);

CREATE TABLE "course_reviews" (
  "id" TEXT PRIMARY KEY,
  "courseId" TEXT NOT NULL REFERENCES "courses" ("id"),
  "userId" TEXT NOT NULL REFERENCES "users" ("id"),
  "rating" INTEGER NOT NULL,
  "review" TEXT,
  "isVerifiedPurchase" BOOLEAN DEFAULT true,
  "isPublished" BOOLEAN DEFAULT true,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW(),
  CONSTRAINT "course_reviews_course_user_key" UNIQUE ("courseId", "userId"),
  CONSTRAINT "course_reviews_rating_check" CHECK (("rating" >= 1 AND "rating" <= 5))
);

CREATE TABLE "course_analytics" (
  "id" TEXT PRIMARY KEY,
  "courseId" TEXT NOT NULL REFERENCES "courses" ("id"),
  "userId" TEXT NOT NULL REFERENCES "users" ("id"),
  "eventType" TEXT NOT NULL,
  "lessonId" TEXT REFERENCES "course_lessons" ("id"),
  "timestamp" TIMESTAMP DEFAULT NOW(),
  "metadata" JSONB
);

CREATE TABLE "course_certificates" (
  "id" TEXT PRIMARY KEY,
  "enrollmentId" TEXT UNIQUE NOT NULL REFERENCES "course_enrollments" ("id"),
  "certificateNumber" TEXT UNIQUE NOT NULL,
  "issuedAt" TIMESTAMP DEFAULT NOW(),
  "validUntil" TIMESTAMP,
  "pdfUrl" TEXT,
  "verificationUrl" TEXT,
  "metadata" JSONB
);

CREATE TABLE "course_subscriptions" (
  "id" TEXT PRIMARY KEY,
  "userId" TEXT NOT NULL REFERENCES "users" ("id"),
  "subscriptionType" TEXT NOT NULL,
  "status" TEXT DEFAULT 'active',
  "startDate" TIMESTAMP DEFAULT NOW(),
  "endDate" TIMESTAMP NOT NULL,
  "autoRenew" BOOLEAN DEFAULT true,
  "paymentFrequency" TEXT,
  "price" NUMERIC(10, 2),
  "clinicId" TEXT REFERENCES "clinics" ("id"),
  "corporateId" TEXT,
  "metadata" JSONB,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW()
);

CREATE TABLE "instructor_earnings" (
  "id" TEXT PRIMARY KEY,
  "instructorId" TEXT NOT NULL REFERENCES "users" ("id"),
  "courseId" TEXT NOT NULL REFERENCES "courses" ("id"),
  "sourceId" TEXT NOT NULL,
  "amount" NUMERIC(10, 2) NOT NULL,
  "currency" TEXT NOT NULL,
  "payoutId" TEXT,
  "metadata" JSONB,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  CONSTRAINT "instructor_earnings_source_key" UNIQUE ("sourceId", "instructorId")
);

CREATE TABLE "course_live_sessions" (
  "id" TEXT PRIMARY KEY,
  "courseId" TEXT NOT NULL REFERENCES "courses" ("id") ON DELETE CASCADE,
  "lessonId" TEXT REFERENCES "course_lessons" ("id") ON DELETE CASCADE,
  "instructorId" TEXT REFERENCES "users" ("id"),
  "title" TEXT NOT NULL,
  "startsAt" TIMESTAMP NOT NULL,
  "duration" INTEGER,
  "joinUrl" TEXT,
  "recordingUrl" TEXT,
  "metadata" JSONB,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  "updatedAt" TIMESTAMP DEFAULT NOW()
);

CREATE TABLE "course_recommendations" (
  "id" TEXT PRIMARY KEY,
  "userId" TEXT NOT NULL REFERENCES "users" ("id"),
  "courseId" TEXT NOT NULL REFERENCES "courses" ("id"),
  "appointmentId" TEXT,
  "score" NUMERIC(6, 5),
  "discountCode" TEXT,
  "isClicked" BOOLEAN DEFAULT false,
  "convertedAt" TIMESTAMP,
  "metadata" JSONB,
  "createdAt" TIMESTAMP DEFAULT NOW(),
  CONSTRAINT "course_recommendations_appointment_course_key" UNIQUE ("appointmentId", "courseId")
);

CREATE INDEX idx_enrollments_user ON course_enrollments ("userId");
CREATE INDEX idx_enrollments_course ON course_enrollments ("courseId");
CREATE INDEX idx_enrollments_status ON course_enrollments ("status");
CREATE INDEX idx_progress_enrollment ON lesson_progress ("enrollmentId");
CREATE INDEX idx_progress_lesson ON lesson_progress ("lessonId");
CREATE INDEX idx_analytics_course_user ON course_analytics ("courseId", "userId");
CREATE INDEX idx_analytics_timestamp ON course_analytics ("timestamp");
