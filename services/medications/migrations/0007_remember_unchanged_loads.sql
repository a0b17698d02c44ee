-- Requests that loaded the drug knowledge that was in force already: sent again late, they must not bring it back.
CREATE TABLE unchanged_loads (
    request_id uuid   PRIMARY KEY,
    digest     bytea  NOT NULL CHECK (octet_length(digest) = 32),
    load       bigint NOT NULL REFERENCES drug_knowledge -- the one in force, which the request found
);

GRANT SELECT, INSERT ON unchanged_loads TO {runtime_role};
