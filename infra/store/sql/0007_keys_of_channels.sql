-- Idempotency keys belong to a channel of their caller; ids that they had before are looked up, too,
-- for as long as receipts are kept.
ALTER TABLE ordinal.store ADD COLUMN IF NOT EXISTS former_keys_at timestamptz;
COMMENT ON COLUMN ordinal.store.former_keys_at IS
    'Until when receipts may stand under ids without a channel; empty in a store that had none.';
UPDATE ordinal.store SET former_keys_at = now()
    WHERE former_keys_at IS NULL AND EXISTS (SELECT FROM ordinal.commands WHERE NOT kept);
