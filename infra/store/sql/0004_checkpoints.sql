-- Where each generation of each read model stands.
CREATE TABLE IF NOT EXISTS read.checkpoints (
    projection text NOT NULL,
    generation integer NOT NULL,
    version integer NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    event_id text,
    store_epoch integer NOT NULL DEFAULT 1,
    live boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, generation)
);
COMMENT ON TABLE read.checkpoints IS
    'Up to which log position each read model has applied events; live says that it is read.';
CREATE TABLE IF NOT EXISTS read.parked (
    projection text NOT NULL,
    generation integer NOT NULL,
    stream_id text NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, generation, stream_id)
);
COMMENT ON TABLE read.parked IS
    'Streams that a read model could not fold; their later events wait until they are replayed.';
ALTER TABLE read.checkpoints OWNER TO ordinal_projector;
ALTER TABLE read.parked OWNER TO ordinal_projector;
GRANT SELECT ON read.checkpoints, read.parked TO ordinal_writer, ordinal_analyst;
-- What projectors make later is for analysts and for the API to read.
ALTER DEFAULT PRIVILEGES FOR ROLE ordinal_projector IN SCHEMA read
    GRANT SELECT ON TABLES TO ordinal_writer, ordinal_analyst;
