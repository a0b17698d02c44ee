-- Laboratory reports: one row a version, added and never changed. The runtime role can do nothing else.
CREATE TABLE entries (
    patient_ref  uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    -- Bits: 1 it holds results; 8 times the main expertise, 0 to 3; 2, 4, 256, 512, 1024 restrictions. Stands in
    -- services/labs/model.py and shared/restriction.py. 100: a statement of absence, as in shared/absence.py.
    kind         smallint    NOT NULL CHECK (kind >= 0),
    deleted      boolean     NOT NULL DEFAULT false,  -- withdrawn: entered in error at its source
    effective_at timestamptz NOT NULL,                -- what it is about in time: orders lists and bounds history windows
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id   uuid,                                -- null: imported
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32), -- of the report as the feed sent it
    content      bytea       NOT NULL,                -- serialized LabReport, or StatedAbsence
    PRIMARY KEY (patient_ref, id, version),
    UNIQUE (patient_ref, request_id)
);

-- The codes that a version carries: what reports are searched by.
CREATE TABLE report_codes (
    patient_ref uuid     NOT NULL,
    code        text     NOT NULL,
    system      text     NOT NULL,                    -- one spelling for each: services/labs/codes.py
    place       smallint NOT NULL CHECK (place BETWEEN 1 AND 3), -- 1 the report, 2 a result, 3 a result that does not hold
    id          uuid     NOT NULL,
    version     integer  NOT NULL,
    PRIMARY KEY (patient_ref, code, system, place, id, version)
);

-- Times of a version, beside effective_at.
CREATE TABLE report_times (
    patient_ref   uuid        NOT NULL,
    id            uuid        NOT NULL,
    version       integer     NOT NULL,
    recorded_at   timestamptz NOT NULL,               -- at its source
    delay_ends_at timestamptz,                        -- of the citizen's delay; null: when a doctor ends it
    PRIMARY KEY (patient_ref, id, version)
);

GRANT SELECT, INSERT ON entries, report_codes, report_times TO {runtime_role};
