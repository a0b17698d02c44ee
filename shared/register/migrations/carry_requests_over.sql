-- The requests that are in entries alone, as note_request notes them. After its trigger, so that none is missed between.
INSERT INTO requests (patient_ref, request_id, asked, ids, versions)
SELECT made.patient_ref, made.request_id, CASE WHEN before.digest IS NULL THEN made.digest END,
    ARRAY[made.id], ARRAY[made.version]
FROM entries AS made LEFT JOIN entries AS before ON before.patient_ref = made.patient_ref AND before.id = made.id
    AND before.version = made.version - 1 AND before.digest = made.digest
WHERE made.request_id IS NOT NULL AND NOT EXISTS (
    -- Noted with another reference of the patient's.
    SELECT FROM requests AS noted WHERE noted.request_id = made.request_id AND made.id = ANY(noted.ids)
)
ON CONFLICT (patient_ref, request_id) DO UPDATE SET ids = excluded.ids, versions = excluded.versions
WHERE requests.ids = '{}';
