-- The log proves itself. Records are the leaves of a Merkle tree; its tiles and signed checkpoints stand here, and a
-- witness that runs elsewhere cosigns each checkpoint.
--
-- What nobody but the owner can do: the runtime role adds records by `append_records` alone, which gives out the index
-- and the time; it reads, and it adds tiles and checkpoints. It changes and removes nothing.
--
-- What the owner of this database and a superuser can do: everything. They can drop a trigger, change a record, remove
-- one, or restore an old copy. It is found, not prevented: what no longer hashes to what a checkpoint signs is named
-- by `kj audit verify`, and a log that was cut or written anew together with its tree is not consistent with what the
-- witness has cosigned, nor with a checkpoint that anybody has kept. Not found is what is changed before the first
-- checkpoint over it, within a second or so, unless somebody holds the record's receipt.

-- Commitment to what stands in `personal`, which can be erased without the tree changing: SHA-256 of salt, content and
-- places. Version 1: salt; content with its length before it (4 bytes); each reference (16 bytes) and the record's
-- place among those of that reference (8 bytes), that of `personal` first, the others as they were given.
CREATE FUNCTION commitment(salt bytea, content bytea, refs uuid[], sequences bigint[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(salt || int4send(octet_length(content)) || content || coalesce(string_agg(
        uuid_send(ref) || int8send(sequence), ''::bytea ORDER BY n
    ), ''::bytea))
    FROM unnest(refs, sequences) WITH ORDINALITY AS about (ref, sequence, n)
$$;

-- Places among the records of every reference, not of the first alone: the log of each can be checked for gaps, after a
-- merge was taken back too. 0: recorded before they were counted.
ALTER TABLE also_about ADD COLUMN patient_sequence bigint NOT NULL DEFAULT 0 CHECK (patient_sequence >= 0);

ALTER TABLE entries ADD COLUMN commitment bytea CHECK (octet_length(commitment) = 32);
ALTER TABLE entries DISABLE TRIGGER append_only;
GRANT UPDATE ON entries TO CURRENT_USER;
UPDATE entries AS e SET commitment = (
    SELECT commitment(p.salt, p.content, array_agg(about.ref ORDER BY n), array_agg(about.sequence ORDER BY n))
    FROM personal AS p, LATERAL (
        SELECT p.patient_ref, p.patient_sequence, 0 WHERE p.patient_ref IS NOT NULL
        UNION ALL
        SELECT o.patient_ref, o.patient_sequence, row_number() OVER (ORDER BY o.patient_ref)
        FROM also_about AS o WHERE o.idx = p.idx
    ) AS about (ref, sequence, n)
    WHERE p.idx = e.idx
    GROUP BY p.salt, p.content
);
UPDATE entries AS e SET commitment = (
    SELECT commitment(p.salt, p.content, '{}', '{}') FROM personal AS p WHERE p.idx = e.idx
) WHERE commitment IS NULL;
REVOKE UPDATE ON entries FROM CURRENT_USER;
ALTER TABLE entries ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE entries ALTER COLUMN commitment SET NOT NULL;

ALTER TABLE coordinator ADD COLUMN committed_at timestamptz NOT NULL DEFAULT '-infinity';
UPDATE coordinator SET committed_at = coalesce((SELECT max(committed_at) FROM entries), '-infinity');

-- Appends all records in their order, in one transaction, and returns the place of each. One that is there already keeps
-- its place: the caller compares digests. `other_refs` belong to the records whose numbers, from 1, are in `others_of`.
CREATE FUNCTION append_records(
    record_ids uuid[], access_ids uuid[], kinds smallint[], patient_refs uuid[], times timestamptz[],
    legal_entities text[], digests bytea[], contents bytea[], personals bytea[], salts bytea[],
    others_of bigint[], other_refs uuid[]
) RETURNS TABLE (record_id uuid, idx bigint, committed_at timestamptz, patient_sequence bigint, digest bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    first bigint;
    now_is timestamptz;
BEGIN
    -- Whoever appends waits here, and sees from here on all that the others have appended.
    SELECT next_index, greatest(clock_timestamp(), c.committed_at) INTO first, now_is FROM coordinator AS c FOR UPDATE;
    RETURN QUERY
    WITH given AS (
        SELECT * FROM unnest(
            record_ids, access_ids, kinds, patient_refs, times, legal_entities, digests, contents, personals, salts
        ) WITH ORDINALITY AS r (
            record_id, access_id, kind, patient_ref, occurred_at, legal_entity, digest, content, personal, salt, n
        )
    ), known AS (
        SELECT e.record_id, e.idx, e.committed_at, p.patient_sequence, e.digest
        FROM entries AS e LEFT JOIN personal AS p USING (idx) WHERE e.record_id = ANY(record_ids)
    ), fresh AS (
        SELECT first + row_number() OVER (ORDER BY min_n) - 1 AS idx, one.*
        FROM (
            SELECT DISTINCT ON (g.record_id) g.*, g.n AS min_n FROM given AS g
            WHERE NOT EXISTS (SELECT FROM known WHERE known.record_id = g.record_id) ORDER BY g.record_id, g.n
        ) AS one
    ), about AS (
        SELECT f.idx, f.patient_ref, 0 AS n FROM fresh AS f WHERE f.patient_ref IS NOT NULL
        UNION ALL
        SELECT f.idx, o.ref, o.n FROM unnest(others_of, other_refs) WITH ORDINALITY AS o (record, ref, n)
        JOIN fresh AS f ON f.n = o.record
    ), counted AS (
        INSERT INTO patient_counters AS c (patient_ref, records)
        SELECT a.patient_ref, count(*) FROM about AS a GROUP BY a.patient_ref
        ON CONFLICT (patient_ref) DO UPDATE SET records = c.records + excluded.records
        RETURNING c.patient_ref, c.records
    ), placed AS (
        SELECT a.*, c.records - count(*) OVER (PARTITION BY a.patient_ref ORDER BY a.idx
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS sequence
        FROM about AS a JOIN counted AS c USING (patient_ref)
    ), others AS (
        INSERT INTO also_about (idx, patient_ref, patient_sequence)
        SELECT placed.idx, placed.patient_ref, placed.sequence FROM placed WHERE placed.n > 0
    ), places AS (
        SELECT f.idx, array_agg(p.patient_ref ORDER BY p.n) FILTER (WHERE p.n IS NOT NULL) AS refs,
            array_agg(p.sequence ORDER BY p.n) FILTER (WHERE p.n IS NOT NULL) AS sequences,
            max(p.sequence) FILTER (WHERE p.n = 0) AS sequence
        FROM fresh AS f LEFT JOIN placed AS p USING (idx) GROUP BY f.idx
    ), apart AS (
        INSERT INTO personal (idx, patient_ref, patient_sequence, access_id, salt, content)
        SELECT f.idx, f.patient_ref, p.sequence, f.access_id, f.salt, f.personal
        FROM fresh AS f JOIN places AS p USING (idx)
    ), appended AS (
        INSERT INTO entries AS e (
            idx, record_id, access_id, kind, occurred_at, committed_at, legal_entity, digest, content, commitment
        )
        SELECT f.idx, f.record_id, f.access_id, f.kind, f.occurred_at, now_is, f.legal_entity, f.digest, f.content,
            commitment(f.salt, f.personal, p.refs, p.sequences)
        FROM fresh AS f JOIN places AS p USING (idx)
    ), moved AS (
        UPDATE coordinator AS c SET next_index = first + (SELECT count(*) FROM fresh), committed_at = now_is
        WHERE EXISTS (SELECT FROM fresh)
    )
    SELECT f.record_id, f.idx, now_is, p.sequence, f.digest FROM fresh AS f JOIN places AS p USING (idx)
    UNION ALL
    SELECT * FROM known;
END $$;

-- Full tiles of 256 hashes (c2sp.org/tlog-tiles); what is not full is made of the records and of lower tiles.
CREATE TABLE tiles (
    level  smallint NOT NULL CHECK (level >= 0),
    number bigint   NOT NULL CHECK (number >= 0),
    hashes bytea    NOT NULL CHECK (octet_length(hashes) = 8192),
    root   bytea    NOT NULL CHECK (octet_length(root) = 32),  -- of its hashes: stands in the tile above
    PRIMARY KEY (level, number)
);

CREATE TABLE checkpoints (
    size      bigint      PRIMARY KEY CHECK (size > 0),
    root      bytea       NOT NULL CHECK (octet_length(root) = 32),
    leaves    bytea       NOT NULL CHECK (octet_length(leaves) % 32 = 0),  -- added since the one before: tell which record differs
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    note      text        NOT NULL  -- c2sp.org/tlog-checkpoint, signed by the log
);

CREATE TABLE cosignatures (
    size        bigint NOT NULL,
    witness     text   NOT NULL,
    line        text   NOT NULL,  -- c2sp.org/tlog-cosignature
    PRIMARY KEY (size, witness)
);

-- Who locks this row integrates, in that transaction: one process at a time, whichever that is.
CREATE TABLE integrator (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row));
INSERT INTO integrator DEFAULT VALUES;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tiles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cosignatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_row BEFORE DELETE OR TRUNCATE ON integrator
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE tiles ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE checkpoints ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE cosignatures ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE integrator ENABLE ALWAYS TRIGGER keep_row;

REVOKE ALL ON FUNCTION append_records FROM PUBLIC;
REVOKE INSERT ON entries, personal, also_about FROM {runtime_role};
REVOKE UPDATE (next_index) ON coordinator FROM {runtime_role};
REVOKE INSERT, UPDATE (records) ON patient_counters FROM {runtime_role};
REVOKE UPDATE, DELETE, TRUNCATE ON tiles, checkpoints, cosignatures FROM CURRENT_USER;
GRANT EXECUTE ON FUNCTION append_records TO {runtime_role};
GRANT SELECT, INSERT ON tiles, checkpoints, cosignatures TO {runtime_role};
GRANT SELECT, UPDATE (only_row) ON integrator TO {runtime_role};
