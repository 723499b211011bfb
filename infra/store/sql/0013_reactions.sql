-- What we do about our own past: which reactions are on, and what they still have to do. Where they
-- stand in the log is in ordinal.steps. All of it moves in the transaction of their commands.
CREATE TABLE IF NOT EXISTS ordinal.reactions (
    name text PRIMARY KEY,
    switched_on boolean NOT NULL,
    store_epoch bigint NOT NULL,
    accepted bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    switched_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ordinal.reactions IS
    'Reactions by name. One is on in the store epoch in which somebody switched it on.';
COMMENT ON COLUMN ordinal.reactions.accepted IS 'Commands of it that were carried out.';
COMMENT ON COLUMN ordinal.reactions.refused IS 'Commands of it that were refused.';

CREATE TABLE IF NOT EXISTS ordinal.reaction_tasks (
    task_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reaction text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('command', 'event', 'stream', 'sweep')),
    subject text NOT NULL,
    body text NOT NULL DEFAULT '',
    due timestamptz NOT NULL,
    origin uuid NOT NULL,
    correlation_id text NOT NULL,
    causation_id text,
    error text
);
CREATE UNIQUE INDEX IF NOT EXISTS reaction_tasks_once
    ON ordinal.reaction_tasks (reaction, kind, subject, due) WHERE kind = 'stream' AND error IS NULL;
CREATE INDEX IF NOT EXISTS reaction_tasks_due
    ON ordinal.reaction_tasks (reaction, due, task_id) WHERE error IS NULL;
CREATE INDEX IF NOT EXISTS reaction_tasks_parked
    ON ordinal.reaction_tasks (reaction, task_id) WHERE error IS NOT NULL;
COMMENT ON TABLE ordinal.reaction_tasks IS
    'What reactions have to do when the time comes; what failed is parked here with its error.';
COMMENT ON COLUMN ordinal.reaction_tasks.subject IS
    'The command''s name, the event''s position, the stream, or how the swept streams begin.';
COMMENT ON COLUMN ordinal.reaction_tasks.body IS
    'The command as JSON, or the last stream that a sweep has looked at.';
COMMENT ON COLUMN ordinal.reaction_tasks.origin IS 'What ids of commands are derived from.';

GRANT SELECT, INSERT, UPDATE ON ordinal.reactions TO ordinal_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ordinal.reaction_tasks TO ordinal_writer;
GRANT SELECT ON ordinal.reactions, ordinal.reaction_tasks TO ordinal_projector;
