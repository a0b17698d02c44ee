-- Requests are there, of changes alone and without what they made. The release before this one writes no more than that.
ALTER TABLE requests ALTER COLUMN asked DROP NOT NULL, ADD COLUMN ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN versions integer[] NOT NULL DEFAULT '{}';

{include remember_requests.sql}

{include note_requests.sql}

CREATE CONSTRAINT TRIGGER note_request AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.request_id IS NOT NULL) EXECUTE FUNCTION note_request();
