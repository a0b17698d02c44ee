-- The queue of accesses that have to be reviewed. What is true stands in the log: why an access is here, what a patient
-- asked, what a review found. This is worked out from it, for finding; it can be built anew.

-- 5: somebody asked for a review of the access. 6: a review of it found something.
ALTER TABLE entries DROP CONSTRAINT entries_kind_check;
ALTER TABLE entries ADD CONSTRAINT entries_kind_check CHECK (kind BETWEEN 1 AND 6);

CREATE TABLE reviews (
    access_id    uuid        PRIMARY KEY,            -- one review an access
    first_idx    bigint      NOT NULL,               -- the record of the access that opened it
    legal_entity text        NOT NULL,               -- whose auditors judge it
    occurred_at  timestamptz NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    reasons      integer     NOT NULL,               -- one bit a reason
    verdict      smallint    NOT NULL DEFAULT 0,
    version      integer     NOT NULL DEFAULT 0,     -- verdicts so far
    asked        boolean     NOT NULL DEFAULT false, -- a request of the patient's waits for its answer
    closed       boolean     NOT NULL DEFAULT false
);
CREATE INDEX reviews_in_order ON reviews (opened_at, access_id);
CREATE INDEX reviews_waiting ON reviews (legal_entity, opened_at, access_id) WHERE NOT closed;

-- What each request made: sent again, it has no further effect.
CREATE TABLE review_requests (
    request_id uuid  PRIMARY KEY,
    asked      bytea NOT NULL CHECK (octet_length(asked) = 32),
    access_id  uuid  NOT NULL
);

-- Up to where the log has been looked through. Who locks this row does it, one process at a time.
CREATE TABLE review_position (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_index bigint  NOT NULL DEFAULT 0
);
INSERT INTO review_position DEFAULT VALUES;

CREATE TRIGGER keep_row BEFORE DELETE OR TRUNCATE ON review_position
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE review_position ENABLE ALWAYS TRIGGER keep_row;

GRANT SELECT, INSERT, UPDATE (opened_at, reasons, verdict, version, asked, closed) ON reviews TO {runtime_role};
GRANT SELECT, INSERT ON review_requests TO {runtime_role};
GRANT SELECT, UPDATE (next_index) ON review_position TO {runtime_role};
