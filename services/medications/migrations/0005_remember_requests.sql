-- Requests are there, of the medication list and its proposals alone.
ALTER TABLE requests ALTER COLUMN asked DROP NOT NULL;

{include remember_requests.sql}

{include note_requests.sql}

-- Lists and proposals (kinds 5 to 9) note their requests themselves, in every release.
CREATE CONSTRAINT TRIGGER note_request AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.request_id IS NOT NULL AND NEW.kind NOT BETWEEN 5 AND 9) EXECUTE FUNCTION note_request();
