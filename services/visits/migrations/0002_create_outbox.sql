-- What has changed, for the change feed: a row for each version, written by the insertion of the version itself.
CREATE TABLE outbox (
    -- Rows are read by (took_effect, seq), below every transaction that still runs: see shared/outbox.py.
    took_effect bigint      NOT NULL DEFAULT greatest(
        pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1),
    seq         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    patient_ref uuid        NOT NULL,
    entry_id    uuid,                                 -- null in other registers: what is deleted for good
    version     integer     NOT NULL,
    kind        smallint    NOT NULL,                 -- ChangeKind
    stored_at   timestamptz NOT NULL,
    PRIMARY KEY (took_effect, seq)
);

-- The place up to which rows have been thrown away.
CREATE TABLE outbox_start (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    took_effect bigint  NOT NULL DEFAULT 0,
    seq         bigint  NOT NULL DEFAULT 0
);
INSERT INTO outbox_start DEFAULT VALUES;

CREATE FUNCTION note_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO outbox (patient_ref, entry_id, version, kind, stored_at)
    SELECT patient_ref, id, version, CASE WHEN deleted THEN 3 WHEN version = 1 THEN 1 ELSE 2 END, stored_at FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER note_changes AFTER INSERT ON entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_changes();

-- Throws away rows of more than 30 days, the oldest first, and gives how many. The runtime role can do it in no other way.
CREATE FUNCTION trim_outbox(most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH oldest AS (
        SELECT took_effect, seq, stored_at FROM outbox ORDER BY took_effect, seq LIMIT most
    ), gone AS (
        DELETE FROM outbox USING oldest WHERE outbox.took_effect = oldest.took_effect AND outbox.seq = oldest.seq
        AND oldest.stored_at < now() - interval '30 days' RETURNING outbox.took_effect, outbox.seq
    ), latest AS (
        SELECT took_effect, seq FROM gone ORDER BY took_effect DESC, seq DESC LIMIT 1
    ), moved AS (
        UPDATE outbox_start SET took_effect = latest.took_effect, seq = latest.seq FROM latest
        WHERE (latest.took_effect, latest.seq) > (outbox_start.took_effect, outbox_start.seq)
    )
    SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION trim_outbox FROM PUBLIC;

GRANT SELECT ON outbox, outbox_start TO {runtime_role};
GRANT EXECUTE ON FUNCTION trim_outbox TO {runtime_role};
