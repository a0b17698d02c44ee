-- When each field of an identity was stated at its source: what is older changes nothing, and what a source does not
-- state stays. Null: of a release that did not keep it; all fields are then as old as the version.
ALTER TABLE identities ADD COLUMN stated_at jsonb;
