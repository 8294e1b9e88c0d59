-- What the catalog's caches hang on (ADR 3): a new random token with every committed change of what the catalog shows.
-- Random, so that a restored or emptied database never meets pages cached under a number that it counted to before.

CREATE TABLE "catalog_generation" (
  "id" TEXT PRIMARY KEY,
  "token" UUID NOT NULL DEFAULT gen_random_uuid(),
  CONSTRAINT "catalog_generation_one_row_check" CHECK ("id" = 'catalog')
);

INSERT INTO catalog_generation (id) VALUES ('catalog');

CREATE FUNCTION renew_catalog_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE catalog_generation SET token = gen_random_uuid();
  RETURN NULL;
END $$;

CREATE TRIGGER courses_renew_catalog AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON courses
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
CREATE TRIGGER course_modules_renew_catalog AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON course_modules
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
CREATE TRIGGER course_lessons_renew_catalog AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON course_lessons
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
CREATE TRIGGER course_prices_renew_catalog AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON course_prices
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
-- Course pages name their instructor.
CREATE TRIGGER users_renew_catalog AFTER UPDATE OF name ON users
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
