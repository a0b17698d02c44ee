-- Care relations that organisations have registered, so that their systems may follow the patient: one row a
-- registration, added and never changed. Of one reference and organisation the latest version holds.
CREATE TABLE care_relations (
    patient_ref  uuid        NOT NULL,
    legal_entity text        NOT NULL CHECK (legal_entity <> ''),
    organisation text        NOT NULL CHECK (organisation <> ''),
    version      integer     NOT NULL CHECK (version > 0),
    request_id   uuid        NOT NULL,
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32),
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at      timestamptz NOT NULL,
    provenance   bytea       NOT NULL,  -- serialized Provenance
    PRIMARY KEY (patient_ref, legal_entity, organisation, version),
    UNIQUE (patient_ref, request_id)
);

-- Who may follow the patient from now on hears of it as of any other change of who the patient is.
CREATE TRIGGER note_changes AFTER INSERT ON care_relations REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_changes();

CREATE FUNCTION note_care_relation_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO requests (patient_ref, request_id, asked, ids, versions)
    SELECT patient_ref, request_id, digest, ARRAY[patient_ref], ARRAY[version] FROM added ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER note_care_relation_request AFTER INSERT ON care_relations REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_care_relation_request();

GRANT SELECT, INSERT ON care_relations TO {runtime_role};
