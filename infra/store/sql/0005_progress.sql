-- What processes say of themselves, for operators. Nothing is decided by it.
CREATE TABLE IF NOT EXISTS ordinal.progress (
    part text PRIMARY KEY,
    state text NOT NULL,
    position bigint,
    outbox bigint,
    detail text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ordinal.progress IS
    'How relay, intake and projectors are doing, told about once a second. Disposable: truncate at will.';
GRANT SELECT, INSERT, UPDATE ON ordinal.progress TO ordinal_writer, ordinal_projector;

-- Few among very many, and counted all the time.
CREATE INDEX IF NOT EXISTS outbox_dead_letters_idx ON ordinal.outbox (outbox_id)
    WHERE topic = 'dead-letters';
-- Whoever may look at the read models only may still see how far everybody is.
GRANT SELECT (outbox_id, topic) ON ordinal.outbox TO ordinal_projector;
