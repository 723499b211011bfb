-- A wrong clock dates all that comes after it, since recording times never fall. Its owner begins a
-- new epoch there; behind that position, and nowhere else, the times may go back.
CREATE TABLE IF NOT EXISTS ordinal.clock_epochs (
    after bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    accepted_at timestamptz NOT NULL
);
COMMENT ON TABLE ordinal.clock_epochs IS
    'Positions behind which the clock of the log was put right; written by the owner alone.';
COMMENT ON COLUMN ordinal.clock_epochs.after IS 'The last position of the epoch before.';
COMMENT ON COLUMN ordinal.clock_epochs.recorded_at IS 'When, it says, the event there was recorded.';
COMMENT ON COLUMN ordinal.clock_epochs.accepted_at IS 'By the clock that was put right.';
GRANT SELECT ON ordinal.clock_epochs TO ordinal_writer, ordinal_projector;
