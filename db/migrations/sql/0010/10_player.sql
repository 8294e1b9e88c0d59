-- Where the newest event was, to the millisecond, so that two events of the same time and sequence have an order, too.
-- No release has written rows of this table yet.
ALTER TABLE "lesson_watches" ADD COLUMN "newest_position" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "lesson_watches" ALTER COLUMN "newest_position" DROP DEFAULT;

-- What the relay looks for: videos that were watched far enough, and not completed since a process was killed.
CREATE INDEX lesson_progress_unfinished ON lesson_progress ("progressPercentage") WHERE status = 'in_progress';
