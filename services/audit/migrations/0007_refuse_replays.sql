-- A DPoP proof is of one call. What a proof is known by stands here beside that call, whichever gateway took it, for as
-- long as gateways take a proof of that age: records of another call with the same proof are not taken, and so nothing is
-- disclosed. No part of the log: nothing of it stands in the tree.
CREATE TABLE proofs (
    id      bytea       PRIMARY KEY CHECK (octet_length(id) = 32),  -- hash of the key's thumbprint and the jti
    call_id uuid        NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX proofs_by_age ON proofs (seen_at);

-- Appends as `append_records` does, unless a record comes with the proof of another call: then it appends
-- nothing, and returns such records, without a place. `proof_ids` are empty bytes where a record comes without one.
CREATE FUNCTION append_unless_replayed(
    record_ids uuid[], access_ids uuid[], kinds smallint[], patient_refs uuid[], times timestamptz[],
    legal_entities text[], digests bytea[], contents bytea[], personals bytea[], salts bytea[],
    others_of bigint[], other_refs uuid[], proof_ids bytea[], call_ids uuid[]
) RETURNS TABLE (record_id uuid, idx bigint, committed_at timestamptz, patient_sequence bigint, digest bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- Most calls come without: they pay for this comparison alone.
    IF proof_ids <> array_fill(''::bytea, ARRAY[cardinality(proof_ids)]) THEN
        -- In their order, so that two who bring the same ones wait for each other and not in a circle.
        INSERT INTO proofs AS p (id, call_id)
        SELECT DISTINCT ON (g.id) g.id, g.call_id FROM unnest(proof_ids, call_ids) WITH ORDINALITY AS g (id, call_id, n)
        WHERE g.id <> '' ORDER BY g.id, g.n
        ON CONFLICT (id) DO NOTHING;
        -- A statement of its own: it sees what another has committed while the one before waited.
        RETURN QUERY
        SELECT g.record_id, NULL::bigint, NULL::timestamptz, NULL::bigint, ''::bytea
        FROM unnest(record_ids, proof_ids, call_ids) AS g (record_id, id, call_id)
        JOIN proofs AS p USING (id) WHERE p.call_id <> g.call_id;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM append_records(
        record_ids, access_ids, kinds, patient_refs, times, legal_entities, digests, contents, personals, salts,
        others_of, other_refs
    );
END $$;

-- Forgets proofs that no gateway takes any more: 60 s old, 30 s for a clock that is ahead, and the rest for slow records.
CREATE FUNCTION forget_proofs() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM proofs WHERE seen_at < clock_timestamp() - interval '5 minutes' RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION append_unless_replayed FROM PUBLIC;
REVOKE ALL ON FUNCTION forget_proofs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_unless_replayed TO {runtime_role};
GRANT EXECUTE ON FUNCTION forget_proofs() TO {runtime_role};
