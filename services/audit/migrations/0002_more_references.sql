-- Further references that a record is about, beside the one in `personal`: those that were one patient with it at the time.
-- After an unmerge the access stands in the log of each of them. Append-only as the log is.
CREATE TABLE also_about (
    patient_ref uuid   NOT NULL,
    idx         bigint NOT NULL,  -- of `personal`; a foreign key would ask for a right to change it, which nobody has
    PRIMARY KEY (patient_ref, idx)
);
CREATE INDEX also_about_of_record ON also_about (idx);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON also_about
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE also_about ENABLE ALWAYS TRIGGER append_only;

REVOKE UPDATE, DELETE, TRUNCATE ON also_about FROM CURRENT_USER;
GRANT SELECT, INSERT ON also_about TO {runtime_role};
