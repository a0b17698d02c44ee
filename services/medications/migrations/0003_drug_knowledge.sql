-- Drug knowledge: one row a load, added and never changed. The newest load is in force.
CREATE TABLE drug_knowledge (
    load       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version    text        NOT NULL,
    request_id uuid        NOT NULL UNIQUE,
    digest     bytea       NOT NULL CHECK (octet_length(digest) = 32),
    content    bytea       NOT NULL,                -- serialized DrugKnowledge
    loaded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT, INSERT ON drug_knowledge TO {runtime_role};
