-- What its source has withdrawn: in no list, and kept so that an older version that comes late does not bring it back.
-- A release that knows nothing of it writes false, and shows what is withdrawn as it was last sent.
ALTER TABLE entries ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
