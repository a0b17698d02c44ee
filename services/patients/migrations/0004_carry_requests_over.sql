-- The requests of before. After the triggers, so that none is missed between.
INSERT INTO requests (patient_ref, request_id, asked, ids, versions)
SELECT patient_ref, request_id, digest, ids, versions FROM (
    SELECT patient_ref, request_id, digest, ARRAY[patient_ref] AS ids, ARRAY[version] AS versions, stored_at
    FROM identities
    UNION ALL SELECT patient_ref, request_id, digest, ARRAY[patient_ref], ARRAY[version], stored_at FROM gp_histories
    UNION ALL SELECT patient_ref, request_id, digest, ARRAY[patient_ref], ARRAY[version], stored_at FROM privacy_settings
    UNION ALL SELECT patient_ref, request_id, digest, ARRAY[patient_ref, alias_ref], '{}', stored_at FROM merges
) AS made
WHERE request_id IS NOT NULL ORDER BY stored_at
ON CONFLICT DO NOTHING;
