-- Three roles. They own no login: an operator grants them to the logins that processes use.
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['ordinal_writer', 'ordinal_projector', 'ordinal_analyst'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the whole server; another database made it
        END;
        EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
    END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS ordinal;
CREATE SCHEMA IF NOT EXISTS read;
COMMENT ON SCHEMA ordinal IS 'The event log and what is written together with it. Truth; append-only.';
COMMENT ON SCHEMA read IS 'Read models: derived from the log, can be rebuilt at any time. Query this.';

REVOKE ALL ON SCHEMA ordinal, read FROM PUBLIC;
GRANT USAGE ON SCHEMA ordinal TO ordinal_writer, ordinal_projector;
GRANT USAGE ON SCHEMA read TO ordinal_writer, ordinal_analyst;
GRANT USAGE, CREATE ON SCHEMA read TO ordinal_projector;
