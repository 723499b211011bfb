-- A fourth role, for what changes who may do what: an API process whose login has it manages keys.
DO $$ BEGIN
    BEGIN
        CREATE ROLE ordinal_keeper NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to the whole server; another database made it
    END;
    GRANT ordinal_keeper TO CURRENT_USER;
END $$;
GRANT USAGE ON SCHEMA ordinal TO ordinal_keeper;

-- Whom a key speaks for and how far it reaches; what happened to it is never forgotten.
ALTER TABLE ordinal.api_keys
    ADD COLUMN IF NOT EXISTS roles text[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS reach jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS expires_at timestamptz,
    ADD COLUMN IF NOT EXISTS last_used_at timestamptz;
COMMENT ON COLUMN ordinal.api_keys.reach IS
    'What the key is narrowed by (channel, country, location, currency, customer) and to which '
    'values; empty: everything.';
COMMENT ON COLUMN ordinal.api_keys.last_used_at IS 'To the minute.';

CREATE TABLE IF NOT EXISTS ordinal.key_events (
    event_id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    key_id text NOT NULL,
    type text NOT NULL,
    actor text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE ordinal.key_events IS
    'What happened to API keys, by whom: created, rotated, revoked. Append-only.';
CREATE INDEX IF NOT EXISTS key_events_key_id_idx ON ordinal.key_events (key_id);

CREATE OR REPLACE FUNCTION ordinal.keep_record() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ordinal.key_events
    FOR EACH STATEMENT EXECUTE FUNCTION ordinal.keep_record();
ALTER TABLE ordinal.key_events ENABLE ALWAYS TRIGGER append_only;

GRANT UPDATE (last_used_at) ON ordinal.api_keys TO ordinal_writer;
GRANT SELECT, INSERT ON ordinal.api_keys, ordinal.key_events TO ordinal_keeper;
GRANT UPDATE (revoked_at, expires_at) ON ordinal.api_keys TO ordinal_keeper;
GRANT USAGE, SELECT ON SEQUENCE ordinal.key_events_event_id_seq TO ordinal_keeper;
