-- Vaccinations: one row a version, added and never changed. The runtime role can do nothing else.
CREATE TABLE entries (
    patient_ref  uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    kind         smallint    NOT NULL CHECK (kind IN (1, 2, 100)), -- given, not given; 100: statement of absence
    deleted      boolean     NOT NULL DEFAULT false,  -- withdrawn by the vaccination register
    effective_at timestamptz NOT NULL,                -- when it was given: orders lists and bounds history windows
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id   uuid,                                -- null: imported
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32), -- of what the feed sent
    content      bytea       NOT NULL,                -- serialized Vaccination or StatedAbsence
    PRIMARY KEY (patient_ref, id, version),
    UNIQUE (patient_ref, request_id)
);

GRANT SELECT, INSERT ON entries TO {runtime_role};
