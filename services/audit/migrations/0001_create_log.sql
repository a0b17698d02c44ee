-- The access log. Rows are added; no role, the owner included, can change or remove one.

-- A commit is on disk before anybody is told, whatever the server's own default is.
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database());
END $$;

-- Indices are dense and in the order of commits, which a sequence cannot promise: whoever appends locks this row.
CREATE TABLE coordinator (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_index bigint  NOT NULL DEFAULT 0
);
INSERT INTO coordinator DEFAULT VALUES;

-- How many records name each patient reference: a list can be checked for gaps.
CREATE TABLE patient_counters (
    patient_ref uuid   PRIMARY KEY,
    records     bigint NOT NULL CHECK (records > 0)
);

CREATE TABLE entries (
    idx          bigint      PRIMARY KEY CHECK (idx >= 0),
    record_id    uuid        NOT NULL UNIQUE,
    access_id    uuid        NOT NULL,
    kind         smallint    NOT NULL CHECK (kind BETWEEN 1 AND 4),
    occurred_at  timestamptz NOT NULL,            -- the gateway's clock; order is by idx
    committed_at timestamptz NOT NULL,
    legal_entity text        NOT NULL,            -- whose auditors may read it
    encoding     smallint    NOT NULL DEFAULT 1,  -- version of the encoding of content and personal
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32),  -- of both: tells a retry from another record
    content      bytea       NOT NULL             -- serialized AuditRecord without its personal part, as it was taken
);

-- What names persons, apart, so that it can be erased without touching the log.
CREATE TABLE personal (
    idx              bigint PRIMARY KEY,
    patient_ref      uuid,                        -- null: the record names no patient
    patient_sequence bigint,                      -- counted from 1 for each patient_ref
    access_id        uuid   NOT NULL,
    salt             bytea  NOT NULL CHECK (octet_length(salt) = 32),  -- of the commitment that stands in the tree
    content          bytea  NOT NULL,             -- serialized PersonalPart
    CHECK ((patient_ref IS NULL) = (patient_sequence IS NULL))
);
CREATE INDEX personal_of_patient ON personal (patient_ref, idx);
CREATE INDEX personal_of_access ON personal (access_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the access log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON personal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_row BEFORE DELETE OR TRUNCATE ON coordinator
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON patient_counters
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Also in sessions that switch ordinary triggers off (session_replication_role).
ALTER TABLE entries ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE personal ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE coordinator ENABLE ALWAYS TRIGGER keep_row;
ALTER TABLE patient_counters ENABLE ALWAYS TRIGGER keep_rows;

REVOKE UPDATE, DELETE, TRUNCATE ON entries, personal FROM CURRENT_USER;
GRANT SELECT, INSERT ON entries, personal TO {runtime_role};
GRANT SELECT, UPDATE (next_index) ON coordinator TO {runtime_role};
GRANT SELECT, INSERT, UPDATE (records) ON patient_counters TO {runtime_role};
