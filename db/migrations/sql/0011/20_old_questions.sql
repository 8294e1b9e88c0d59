-- Quizzes of the demo data had questions of one kind, without an id: {"question", "options", "answer"}. They get today's
-- form, and a first version. What has another form stays as it is, without a version: its author has to write it anew.

UPDATE course_quizzes SET questions = (
  SELECT jsonb_agg(
    jsonb_build_object('kind', 'single', 'id', 'q' || place, 'prompt', old -> 'question', 'options', old -> 'options',
                       'answer', old -> 'answer')
    ORDER BY place)
  FROM jsonb_array_elements(questions) WITH ORDINALITY AS one (old, place)
)
WHERE jsonb_typeof(questions) = 'array' AND jsonb_array_length(questions) > 0 AND NOT EXISTS (
  SELECT FROM jsonb_array_elements(questions) AS one (old)
  WHERE NOT coalesce(
    jsonb_typeof(old -> 'question') = 'string' AND jsonb_typeof(old -> 'options') = 'array'
    AND jsonb_typeof(old -> 'answer') = 'number', FALSE)
);

INSERT INTO quiz_versions (id, quiz_id, number, content)
SELECT gen_random_uuid()::text, id, 1, jsonb_build_object('questions', questions, 'draws', '{}'::jsonb, 'shuffle', TRUE)
FROM course_quizzes
WHERE jsonb_typeof(questions) = 'array' AND questions -> 0 ->> 'kind' = 'single';
