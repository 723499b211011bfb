-- Receipts that are kept may become very many; those that are forgotten are found without them.
CREATE INDEX IF NOT EXISTS commands_forgettable_idx ON ordinal.commands (recorded_at)
    WHERE NOT kept;
DROP INDEX IF EXISTS ordinal.commands_recorded_at_idx;
