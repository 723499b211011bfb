-- The stored-event table of the eventsourcing library, exactly, so that its own recorder reads it.
CREATE TABLE IF NOT EXISTS ordinal.stored_events (
    originator_id text NOT NULL,
    originator_version bigint NOT NULL,
    topic text,
    state bytea,
    notification_id bigserial,
    PRIMARY KEY (originator_id, originator_version)
) WITH (
    autovacuum_enabled = true,
    autovacuum_vacuum_threshold = 100000000,
    autovacuum_vacuum_scale_factor = 0.5,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.01
);
CREATE UNIQUE INDEX IF NOT EXISTS stored_events_notification_id_idx
    ON ordinal.stored_events (notification_id ASC);
-- Envelopes are small and read whole: compressing them costs more than it saves.
ALTER TABLE ordinal.stored_events ALTER COLUMN state SET STORAGE EXTERNAL;

DO $$ BEGIN
    CREATE TYPE ordinal.stored_event_text AS (
        originator_id text, originator_version bigint, topic text, state bytea);
EXCEPTION WHEN duplicate_object THEN
    NULL;
END $$;

COMMENT ON TABLE ordinal.stored_events IS 'The event log: one row an event, never changed.';
COMMENT ON COLUMN ordinal.stored_events.originator_id IS 'Stream id, readable text.';
COMMENT ON COLUMN ordinal.stored_events.originator_version IS 'Version within the stream, from 1.';
COMMENT ON COLUMN ordinal.stored_events.topic IS 'Name of the event.';
COMMENT ON COLUMN ordinal.stored_events.state IS 'JSON: envelope and data.';
COMMENT ON COLUMN ordinal.stored_events.notification_id IS 'Position; rises with commit order, may have gaps.';

-- Every writer is ordered by one lock, held until its commit: position order is commit order.
CREATE OR REPLACE FUNCTION ordinal.append_lock() RETURNS void LANGUAGE sql AS
    $$ SELECT pg_advisory_xact_lock(7093201) $$;

CREATE OR REPLACE FUNCTION ordinal.guard_append() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7093201);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ordinal.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE TRIGGER append_guard BEFORE INSERT ON ordinal.stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION ordinal.guard_append();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ordinal.stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION ordinal.refuse_change();

CREATE TABLE IF NOT EXISTS ordinal.store (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    store_id uuid NOT NULL DEFAULT gen_random_uuid(),
    store_epoch integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO ordinal.store DEFAULT VALUES ON CONFLICT DO NOTHING;
COMMENT ON TABLE ordinal.store IS 'One row: which store this is; the epoch is raised after a restore.';

GRANT SELECT, INSERT ON ordinal.stored_events TO ordinal_writer;
GRANT USAGE, SELECT ON SEQUENCE ordinal.stored_events_notification_id_seq TO ordinal_writer;
GRANT SELECT ON ordinal.store TO ordinal_writer, ordinal_projector;
GRANT SELECT ON ordinal.stored_events TO ordinal_projector;
GRANT SELECT ON SEQUENCE ordinal.stored_events_notification_id_seq TO ordinal_projector;
