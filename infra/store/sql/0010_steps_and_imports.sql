-- Where those stand who follow the log with commands of their own, and how far imports came. Both
-- move in the transaction of their commands, so that a kill loses nothing and repeats nothing.
CREATE TABLE IF NOT EXISTS ordinal.steps (
    name text PRIMARY KEY,
    position bigint NOT NULL,
    step bigint NOT NULL
);
COMMENT ON TABLE ordinal.steps IS
    'Up to which event, and how much of what follows from the next one, is done.';

CREATE TABLE IF NOT EXISTS ordinal.imports (
    content bytea PRIMARY KEY,
    name text NOT NULL,
    done bigint NOT NULL,
    recorded_at timestamptz NOT NULL
);
COMMENT ON TABLE ordinal.imports IS
    'Files by the SHA-256 of their content, and how many of their commands have an answer.';

CREATE TABLE IF NOT EXISTS ordinal.import_refusals (
    command_id uuid PRIMARY KEY,
    content bytea NOT NULL,
    code text NOT NULL,
    why text NOT NULL,
    recorded_at timestamptz NOT NULL
);
COMMENT ON TABLE ordinal.import_refusals IS
    'Commands of imports that were refused: whoever repeats them is told the same.';

GRANT SELECT, INSERT, UPDATE ON ordinal.steps, ordinal.imports TO ordinal_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ordinal.import_refusals TO ordinal_writer;
GRANT SELECT ON ordinal.steps, ordinal.imports, ordinal.import_refusals TO ordinal_projector;
