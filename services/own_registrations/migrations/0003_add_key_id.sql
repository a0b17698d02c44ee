-- The number of the key in the key file that has wrapped a patient's key. The release before wraps by key 1 and does not
-- name it: the wrapping key is not changed before that release is gone.
ALTER TABLE patient_keys ADD COLUMN key_id smallint NOT NULL DEFAULT 1 CHECK (key_id > 0);

GRANT UPDATE (key_id) ON patient_keys TO {runtime_role};
