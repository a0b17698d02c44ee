-- Own registrations: one row a version, added and never changed, deleted for good when the patient asks for it.
CREATE TABLE entries (
    patient_ref  uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    kind         smallint    NOT NULL CHECK (kind BETWEEN 1 AND 4), -- RegistrationKind; the same in every version
    effective_at timestamptz NOT NULL,                -- when this version was recorded: orders lists
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id   uuid,                                -- null: this version came from a feed
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32), -- keyed with the patient's key, of what was sent
    content      bytea       NOT NULL,                -- OwnRegistration, encrypted under the patient's key
    PRIMARY KEY (patient_ref, id, version),
    UNIQUE (patient_ref, request_id)
);

CREATE UNIQUE INDEX one_donor_card ON entries (patient_ref) WHERE kind = 4 AND version = 1;

-- The data key of a patient, wrapped by a key that is not in this database; null: nothing is encrypted under one. Whoever
-- writes for the patient locks the row.
CREATE TABLE patient_keys (
    patient_ref uuid  PRIMARY KEY,
    wrapped     bytea CHECK (octet_length(wrapped) = 60) -- nonce 12, key 32, tag 16
);

-- Under which id the feeds' entries would be known, and which entry that is. Null: the patient has deleted it, and no feed
-- brings it back.
CREATE TABLE imported_names (
    patient_ref uuid NOT NULL,
    imported_as uuid NOT NULL,
    id          uuid,
    PRIMARY KEY (patient_ref, imported_as)
);

-- Requests whose entry is deleted: nothing is left to find them by, and sent again they must have no effect.
CREATE TABLE spent_requests (
    patient_ref uuid        NOT NULL,
    request_id  uuid        NOT NULL,
    deletion    bytea       CHECK (octet_length(deletion) = 32), -- of the deletion: digest of entry id and version
    spent_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (patient_ref, request_id)
);

GRANT SELECT, INSERT, DELETE ON entries TO {runtime_role};
GRANT SELECT, INSERT, UPDATE (wrapped) ON patient_keys TO {runtime_role};
GRANT SELECT, INSERT, UPDATE (id) ON imported_names TO {runtime_role};
GRANT SELECT, INSERT ON spent_requests TO {runtime_role};
