-- What is written in the same transaction as the events of a command.
CREATE TABLE IF NOT EXISTS ordinal.commands (
    command_id uuid PRIMARY KEY,
    fingerprint bytea NOT NULL,
    receipt bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    kept boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS commands_recorded_at_idx ON ordinal.commands USING brin (recorded_at);
COMMENT ON TABLE ordinal.commands IS
    'Accepted commands and the answers they got: settles repeats and doubtful commits.';

CREATE TABLE IF NOT EXISTS ordinal.contacts (
    contact_id uuid PRIMARY KEY,
    name text, email text, phone text, street text, city text,
    postal_code text, region text, country text,
    recorded_at timestamptz NOT NULL
);
COMMENT ON TABLE ordinal.contacts IS
    'The vault: personal data that events only point at. Erasing a row erases the person.';

CREATE TABLE IF NOT EXISTS ordinal.outbox (
    outbox_id bigserial PRIMARY KEY,
    topic text NOT NULL,
    key bytea,
    value bytea NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL
);
COMMENT ON TABLE ordinal.outbox IS
    'Messages that are no events (intake results, dead letters), published by the relay in order. '
    'topic is named without the prefix.';
CREATE OR REPLACE TRIGGER append_guard BEFORE INSERT ON ordinal.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION ordinal.guard_append();

CREATE TABLE IF NOT EXISTS ordinal.intake_offsets (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
COMMENT ON TABLE ordinal.intake_offsets IS 'Where intake goes on, moved with the orders themselves.';

CREATE TABLE IF NOT EXISTS ordinal.snapshots (
    stream_id text PRIMARY KEY,
    version bigint NOT NULL,
    fold_version integer NOT NULL,
    state bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ordinal.snapshots IS 'Folded states of long streams. Disposable: truncate at will.';

CREATE TABLE IF NOT EXISTS ordinal.api_keys (
    key_id text PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL,
    caller text NOT NULL,
    channel text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
COMMENT ON TABLE ordinal.api_keys IS 'API keys: only a SHA-256 of the secret is kept.';

GRANT SELECT, INSERT, DELETE ON ordinal.commands TO ordinal_writer;
GRANT SELECT, INSERT, DELETE ON ordinal.contacts TO ordinal_writer;
GRANT SELECT, INSERT, DELETE ON ordinal.outbox TO ordinal_writer;
GRANT USAGE, SELECT ON SEQUENCE ordinal.outbox_outbox_id_seq TO ordinal_writer;
GRANT SELECT, INSERT, UPDATE ON ordinal.intake_offsets TO ordinal_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ordinal.snapshots TO ordinal_writer;
GRANT SELECT ON ordinal.api_keys TO ordinal_writer;
