-- What documents are: one row a version, added and never changed. The runtime role can do nothing else.
CREATE TABLE entries (
    patient_ref  uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    -- 1: deprecated, 2: refused to the citizen, 4: restricted against personnel; 8 times the number of the class, from 0
    kind         smallint    NOT NULL CHECK (kind >= 0),
    deleted      boolean     NOT NULL DEFAULT false,
    effective_at timestamptz NOT NULL,                -- orders lists and bounds history windows
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id   uuid,                                -- null: imported, or deprecated by another document's request
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32), -- of the document as it was sent
    content      bytea       NOT NULL,                -- serialized Document
    PRIMARY KEY (patient_ref, id, version),
    UNIQUE (patient_ref, request_id)
);

-- The data key of a patient, wrapped by a key that is not in this database. Without the row, the patient's content is noise.
CREATE TABLE patient_keys (
    patient_ref uuid        PRIMARY KEY,
    wrapped     bytea       NOT NULL CHECK (octet_length(wrapped) = 60), -- nonce 12, key 32, tag 16
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The content of a document; the versions that name this SHA-256 have it.
CREATE TABLE contents (
    patient_ref uuid    NOT NULL,
    document_id uuid    NOT NULL,
    sha256      bytea   NOT NULL CHECK (octet_length(sha256) = 32),
    content_id  uuid    NOT NULL,
    size        bigint  NOT NULL CHECK (size > 0),
    row_count   integer NOT NULL CHECK (row_count > 0),
    seal        bytea   NOT NULL CHECK (octet_length(seal) = 28), -- binds this row's columns under the patient's key
    PRIMARY KEY (patient_ref, document_id, sha256),
    UNIQUE (patient_ref, content_id)
);

-- Encrypted content in pieces. Rows that nothing in contents names are of an upload that goes on, or never ended.
CREATE TABLE content_rows (
    patient_ref uuid    NOT NULL,
    content_id  uuid    NOT NULL,
    row_number  integer NOT NULL CHECK (row_number >= 0),
    sealed      bytea   NOT NULL CHECK (octet_length(sealed) BETWEEN 29 AND 262172), -- nonce 12, 1 to 256 KiB, tag 16
    PRIMARY KEY (patient_ref, content_id, row_number)
);
ALTER TABLE content_rows ALTER COLUMN sealed SET STORAGE EXTERNAL; -- ciphertext does not compress

-- Uploads that have begun and not ended.
CREATE TABLE uploads (
    patient_ref uuid        NOT NULL,
    content_id  uuid        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (patient_ref, content_id)
);

-- Throws away the rows of an upload that did not end. Its row in uploads is locked by everyone who stores a row of it or
-- ends it, so whoever comes first decides. The runtime role may delete content in no other way.
CREATE FUNCTION discard_upload(ref uuid, content uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM uploads WHERE patient_ref = ref AND content_id = content;
    IF NOT FOUND OR EXISTS (SELECT FROM contents WHERE patient_ref = ref AND content_id = content) THEN
        RETURN false;
    END IF;
    DELETE FROM content_rows WHERE patient_ref = ref AND content_id = content;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION discard_upload FROM PUBLIC;

GRANT SELECT, INSERT ON entries, patient_keys, contents, content_rows TO {runtime_role};
GRANT SELECT, INSERT, UPDATE, DELETE ON uploads TO {runtime_role}; -- UPDATE: to lock a row, PostgreSQL asks for it
GRANT EXECUTE ON FUNCTION discard_upload TO {runtime_role};
