-- Critical information: one row a version, added and never changed. The runtime role can do nothing else.
CREATE TABLE entries (
    patient_ref  uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    kind         smallint    NOT NULL CHECK (kind BETWEEN 1 AND 11 OR kind = 100), -- category; 100: statement of absence
    deleted      boolean     NOT NULL DEFAULT false,  -- entered in error
    effective_at timestamptz NOT NULL,                -- orders lists and bounds history windows
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id   uuid,                                -- null: a feed's entry
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32),
    content      bytea       NOT NULL,                -- serialized CriticalInfo or AbsenceStatement
    PRIMARY KEY (patient_ref, id, version),
    UNIQUE (patient_ref, request_id)
);

GRANT SELECT, INSERT ON entries TO {runtime_role};
