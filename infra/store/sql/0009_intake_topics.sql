-- Which topic of Kafka an intake reads: one that was deleted and made anew is another one, though it
-- is called the same.
CREATE TABLE IF NOT EXISTS ordinal.intake_topics (
    topic text PRIMARY KEY,
    topic_id text NOT NULL,
    source text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    changes integer NOT NULL DEFAULT 0,
    missing jsonb
);
COMMENT ON TABLE ordinal.intake_topics IS
    'source is how a topic is called in the ids of its messages and in intake_offsets; it changes when '
    'the topic is made anew, or when a tail that it lost is accepted. missing says, by partition, from '
    'where on other messages stand than those that were read: nothing is read until that is accepted.';
GRANT SELECT, INSERT, UPDATE ON ordinal.intake_topics TO ordinal_writer;
GRANT SELECT ON ordinal.intake_topics TO ordinal_projector;

-- How many messages, as far as the part knows, wait for it.
ALTER TABLE ordinal.progress ADD COLUMN IF NOT EXISTS lag bigint;
