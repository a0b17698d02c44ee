-- Visits: one row a version, added and never changed. The runtime role can do nothing else.
CREATE TABLE entries (
    patient_ref  uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    kind         smallint    NOT NULL CHECK (kind BETWEEN 0 AND 3), -- ContactKind; 0: only the source's class is known
    deleted      boolean     NOT NULL DEFAULT false,  -- withdrawn by the patient register
    effective_at timestamptz NOT NULL,                -- start of the visit: orders lists and bounds history windows
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id   uuid,                                -- null: imported
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32), -- of the visit as the feed sent it
    content      bytea       NOT NULL,                -- serialized Visit
    PRIMARY KEY (patient_ref, id, version),
    UNIQUE (patient_ref, request_id)
);

GRANT SELECT, INSERT ON entries TO {runtime_role};
