-- Who looked at whose personal data, and why: an auditor reads it, nobody changes it.
CREATE TABLE IF NOT EXISTS ordinal.contact_reads (
    read_id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    caller text NOT NULL,
    person text,
    order_id text NOT NULL,
    reason text NOT NULL,
    request_id text NOT NULL
);
COMMENT ON TABLE ordinal.contact_reads IS
    'One row each time the contacts of an order were read over the API: by which caller, for which '
    'person if the caller named one, why. Append-only.';
CREATE INDEX IF NOT EXISTS contact_reads_order_id_idx ON ordinal.contact_reads (order_id, read_id);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ordinal.contact_reads
    FOR EACH STATEMENT EXECUTE FUNCTION ordinal.keep_record();
ALTER TABLE ordinal.contact_reads ENABLE ALWAYS TRIGGER append_only;
GRANT SELECT, INSERT ON ordinal.contact_reads TO ordinal_writer;
GRANT USAGE, SELECT ON SEQUENCE ordinal.contact_reads_read_id_seq TO ordinal_writer;
