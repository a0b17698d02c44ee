-- Services note their requests themselves, each with what it made.
GRANT INSERT ON requests TO {runtime_role};

-- Notes the request of a version that the release before this one writes, which keeps it in entries alone. Can go with
-- that release, and its trigger with it. What such a request asked is the digest of its version; null where the version
-- keeps the digest of the one before it (a mark, a release, a recall): nobody knows, and a retry is not compared.
CREATE FUNCTION note_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO requests (patient_ref, request_id, asked, ids, versions)
    SELECT NEW.patient_ref, NEW.request_id, CASE WHEN count(*) = 0 THEN NEW.digest END, ARRAY[NEW.id], ARRAY[NEW.version]
    FROM entries AS before WHERE before.patient_ref = NEW.patient_ref AND before.id = NEW.id
    AND before.version = NEW.version - 1 AND before.digest = NEW.digest
    -- Noted without what it made, as critical information has done, or by this release.
    ON CONFLICT (patient_ref, request_id) DO UPDATE SET ids = excluded.ids, versions = excluded.versions
    WHERE requests.ids = '{}';
    RETURN NULL;
END $$;
