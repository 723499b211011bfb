"""What lies in the database: the event log, its codec, contacts, keys, migrations."""
