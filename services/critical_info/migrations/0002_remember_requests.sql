-- What the request of a change asked. Versions that follow keep the digest of what their entry's feed sent, so that the
-- feed's next sending of the same leaves them; a retry of the change itself is told from another request by this.
CREATE TABLE requests (
    patient_ref uuid  NOT NULL,
    request_id  uuid  NOT NULL,
    asked       bytea NOT NULL CHECK (octet_length(asked) = 32),
    PRIMARY KEY (patient_ref, request_id)
);

GRANT SELECT, INSERT ON requests TO {runtime_role};
