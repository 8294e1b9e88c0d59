-- Outlines are kept under the catalog's generation, and show rules and prerequisites of lessons, too.
CREATE TRIGGER lesson_rules_renew_catalog AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lesson_rules
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
CREATE TRIGGER lesson_prerequisites_renew_catalog AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lesson_prerequisites
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
