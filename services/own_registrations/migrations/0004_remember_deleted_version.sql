-- The last version of an entry that was deleted, to answer the same deletion sent again. Null: a save's request, or a
-- deletion by the release before, which runs beside this one and does not name it.
ALTER TABLE spent_requests ADD COLUMN version integer CHECK (version > 0);
