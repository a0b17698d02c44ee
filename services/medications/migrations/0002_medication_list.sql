-- What doctors and others write to the medication list: answers to a retry, and the key of lookups.

-- 8 proposal declined, 9 proposal withdrawn; 7 is a proposal accepted.
ALTER TABLE entries DROP CONSTRAINT entries_kind_check;
ALTER TABLE entries ADD CONSTRAINT entries_kind_check CHECK (kind BETWEEN 1 AND 9 OR kind BETWEEN 11 AND 13);

-- What a request asked and which versions it made, in order: a retry is answered from them.
CREATE TABLE requests (
    patient_ref uuid      NOT NULL,
    request_id  uuid      NOT NULL,
    asked       bytea     NOT NULL CHECK (octet_length(asked) = 32),
    ids         uuid[]    NOT NULL,
    versions    integer[] NOT NULL,
    PRIMARY KEY (patient_ref, request_id)
);

-- Signs lookups of medication lists. Made here, so that no operator has to: whoever can read it can read and write the
-- lists themselves. gen_random_uuid() has 122 strong random bits; two make a key.
CREATE TABLE lookup_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    key      bytea   NOT NULL CHECK (octet_length(key) = 32)
);

INSERT INTO lookup_key (key) VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

GRANT SELECT, INSERT ON requests TO {runtime_role};
GRANT SELECT ON lookup_key TO {runtime_role};
