-- Medicines: one row a version, added and never changed. The runtime role can do nothing else.
CREATE TABLE entries (
    patient_ref  uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    -- 1 prescription open, 2 prescription closed, 3 dispensing, 4 statement, 5 medication list, 6 proposal open,
    -- 7 proposal answered; 11, 12, 13 are 1, 2, 3 locked by the patient. Stands in services/medications/kinds.py.
    kind         smallint    NOT NULL CHECK (kind BETWEEN 1 AND 7 OR kind BETWEEN 11 AND 13),
    deleted      boolean     NOT NULL DEFAULT false,  -- entered in error at its source
    effective_at timestamptz NOT NULL,                -- orders lists and bounds history windows
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id   uuid,                                -- null: a feed's entry, or a version that follows from another
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32),
    content      bytea       NOT NULL,                -- serialized message of its kind
    PRIMARY KEY (patient_ref, id, version),
    UNIQUE (patient_ref, request_id)
);

GRANT SELECT, INSERT ON entries TO {runtime_role};
