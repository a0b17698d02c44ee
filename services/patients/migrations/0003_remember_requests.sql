{include remember_requests.sql}

-- Every version, and every merge, notes the request that made it. `ids` are references here. A request_id that was used
-- for two things before stands for the first.
CREATE FUNCTION note_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO requests (patient_ref, request_id, asked, ids, versions)
    SELECT patient_ref, request_id, digest, ARRAY[patient_ref], ARRAY[version] FROM added WHERE request_id IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER note_request AFTER INSERT ON identities REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_request();
CREATE TRIGGER note_request AFTER INSERT ON gp_histories REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_request();
CREATE TRIGGER note_request AFTER INSERT ON privacy_settings REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_request();

CREATE FUNCTION note_merge_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO requests (patient_ref, request_id, asked, ids, versions)
    SELECT patient_ref, request_id, digest, ARRAY[patient_ref, alias_ref], '{}' FROM added ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER note_merge_request AFTER INSERT ON merges REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_merge_request();
