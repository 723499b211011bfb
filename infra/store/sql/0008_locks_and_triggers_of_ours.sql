-- Advisory locks order the appends and elect the leaders: whoever else could take them would stop
-- all. Their functions belong to the server's superuser; under another owner this changes nothing,
-- and `ordinal verify` names the logins that can.
DO $$
DECLARE
    locking regprocedure;
    owner name := (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database());
BEGIN
    FOR locking IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_(try_)?advisory_'
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', locking);
        EXECUTE format(
            'GRANT EXECUTE ON FUNCTION %s TO ordinal_writer, ordinal_projector, %I, CURRENT_USER',
            locking, owner);
    END LOOP;
END $$;

-- Triggers are silent in a session that plays a replica, unless they always fire.
ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER append_guard;
ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE ordinal.outbox ENABLE ALWAYS TRIGGER append_guard;
