-- The clock of bus, timers and reactions is one function. A store made for a simulation or a test
-- has a clock that stands still until its owner moves it.
ALTER TABLE ordinal.store ADD COLUMN IF NOT EXISTS simulated_clock timestamptz;
COMMENT ON COLUMN ordinal.store.simulated_clock IS
    'The time of a store that is simulated, moved by command; empty where time goes on by itself.';

CREATE OR REPLACE FUNCTION ordinal.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT coalesce((SELECT simulated_clock FROM ordinal.store), clock_timestamp()) $$;
