-- Identities, lists of general practitioners and privacy settings: one row a version, added and never changed.

-- The one place in the system where national ids are looked up.
CREATE TABLE national_ids (
    value       text        PRIMARY KEY CHECK (value ~ '^[0-9]{11}$'),
    kind        smallint    NOT NULL CHECK (kind BETWEEN 1 AND 5),  -- NationalIdKind
    patient_ref uuid        NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Every reference, and whose it is. The only rows that change: a merge gives some of them another canonical one.
CREATE TABLE refs (
    patient_ref   uuid PRIMARY KEY,
    canonical_ref uuid NOT NULL,
    merged_into   uuid,  -- the canonical reference at the time of the merge: what an unmerge goes by
    CHECK ((merged_into IS NULL) = (canonical_ref = patient_ref))
);
CREATE INDEX refs_by_canonical ON refs (canonical_ref);

-- What the population register tells.
CREATE TABLE identities (
    patient_ref   uuid        NOT NULL,
    version       integer     NOT NULL CHECK (version > 0),
    request_id    uuid,                  -- null: imported
    digest        bytea       NOT NULL CHECK (octet_length(digest) = 32),
    stored_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    address_key   bytea,                 -- equal for people at one address; null: unknown or protected
    parent_refs   uuid[]      NOT NULL,  -- mother, father, co-mother
    guardian_refs uuid[]      NOT NULL,  -- one for each guardian in content, null where no id is known
    provenance    bytea       NOT NULL,  -- serialized Provenance
    content       bytea       NOT NULL,  -- serialized Person
    PRIMARY KEY (patient_ref, version),
    UNIQUE (patient_ref, request_id)
);

-- What the register of general practitioners tells: the whole history in each version.
CREATE TABLE gp_histories (
    patient_ref uuid        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    request_id  uuid,
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32),
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    provenance  bytea       NOT NULL,
    content     bytea       NOT NULL,  -- serialized PatientSection that holds general_practitioners alone
    PRIMARY KEY (patient_ref, version),
    UNIQUE (patient_ref, request_id)
);

-- What the patient decided: the whole settings in each version.
CREATE TABLE privacy_settings (
    patient_ref uuid        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    request_id  uuid,
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32),
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    proxy_refs  uuid[]      NOT NULL,  -- one for each proxy in content
    provenance  bytea       NOT NULL,
    content     bytea       NOT NULL,  -- serialized PrivacySettings of this reference alone
    PRIMARY KEY (patient_ref, version),
    UNIQUE (patient_ref, request_id)
);

-- Merges and unmerges, with who and when.
CREATE TABLE merges (
    patient_ref uuid        NOT NULL,  -- the canonical reference
    request_id  uuid        NOT NULL,
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32),
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    alias_ref   uuid        NOT NULL,
    joined      boolean     NOT NULL,  -- false: an unmerge
    provenance  bytea       NOT NULL,
    content     bytea       NOT NULL,  -- serialized response
    PRIMARY KEY (patient_ref, request_id)
);

GRANT SELECT, INSERT ON national_ids, refs, identities, gp_histories, privacy_settings, merges TO {runtime_role};
GRANT UPDATE (canonical_ref, merged_into) ON refs TO {runtime_role};
