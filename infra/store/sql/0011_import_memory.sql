-- What the imports of a channel remember from one file to the next, in the transaction of their
-- commands: what can still be cancelled, what credits took, and what was left out.
CREATE TABLE IF NOT EXISTS ordinal.import_sales (
    order_id text PRIMARY KEY,
    channel text NOT NULL,
    customer text NOT NULL,
    at timestamptz NOT NULL,
    lines jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS import_sales_customer_idx ON ordinal.import_sales (channel, customer);
COMMENT ON TABLE ordinal.import_sales IS
    'Sales that imports placed: lines are [sku, units, price in minor units], in their order.';

CREATE TABLE IF NOT EXISTS ordinal.import_credits (
    credit uuid NOT NULL,
    order_id text NOT NULL,
    line integer NOT NULL,
    quantity bigint NOT NULL,
    price bigint NOT NULL,
    PRIMARY KEY (credit, order_id, line)
);
CREATE INDEX IF NOT EXISTS import_credits_order_idx ON ordinal.import_credits (order_id);
COMMENT ON TABLE ordinal.import_credits IS
    'Which units of which sales a row of a file took back that is a credit.';

CREATE TABLE IF NOT EXISTS ordinal.import_rejects (
    command_id uuid NOT NULL,
    part integer NOT NULL,
    channel text NOT NULL,
    file text NOT NULL,
    line bigint NOT NULL,
    reason text NOT NULL,
    code text NOT NULL,
    reference text,
    sku text,
    quantity bigint,
    value numeric,
    currency text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (command_id, part)
);
COMMENT ON TABLE ordinal.import_rejects IS
    'Lines of files that were left out; one goes when what it asks for is accepted after all.';

GRANT SELECT, INSERT ON ordinal.import_sales, ordinal.import_credits TO ordinal_writer;
GRANT SELECT, INSERT, DELETE ON ordinal.import_rejects TO ordinal_writer;
GRANT SELECT ON ordinal.import_rejects TO ordinal_projector, ordinal_analyst;

CREATE OR REPLACE VIEW read.import_rejects AS
    SELECT channel, file, line, reason, code, reference, sku, quantity, value, currency, recorded_at
    FROM ordinal.import_rejects;
COMMENT ON VIEW read.import_rejects IS
    'Lines of imported files that are in no order, with why: what reports do not count.';
COMMENT ON COLUMN read.import_rejects.channel IS 'The channel whose file it was.';
COMMENT ON COLUMN read.import_rejects.file IS 'The name of the file that it stood in first.';
COMMENT ON COLUMN read.import_rejects.line IS 'The number of the line there.';
COMMENT ON COLUMN read.import_rejects.reason IS 'Why it was left out, in words.';
COMMENT ON COLUMN read.import_rejects.code IS
    'What that is called everywhere: over HTTP, in answers over Kafka, in rejects files.';
COMMENT ON COLUMN read.import_rejects.reference IS 'Its order or invoice, as far as it says one.';
COMMENT ON COLUMN read.import_rejects.sku IS 'What it was about, as far as it says one thing.';
COMMENT ON COLUMN read.import_rejects.quantity IS 'Its units; fewer than 0 for what was taken back.';
COMMENT ON COLUMN read.import_rejects.value IS
    'What it would have added to net revenue, in minor units; empty where that cannot be read.';
COMMENT ON COLUMN read.import_rejects.currency IS 'Of the value.';
COMMENT ON COLUMN read.import_rejects.recorded_at IS 'When it was left out.';
GRANT SELECT ON read.import_rejects TO ordinal_projector, ordinal_writer, ordinal_analyst;
