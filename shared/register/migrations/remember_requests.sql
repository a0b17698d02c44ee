-- What each request asked and which versions it made, in order: a retry is answered from them.
CREATE TABLE IF NOT EXISTS requests (
    patient_ref uuid      NOT NULL,
    request_id  uuid      NOT NULL,
    asked       bytea     CHECK (octet_length(asked) = 32), -- null: of a release that did not keep it
    ids         uuid[]    NOT NULL,
    versions    integer[] NOT NULL,
    PRIMARY KEY (patient_ref, request_id)
);

GRANT SELECT ON requests TO {runtime_role};
