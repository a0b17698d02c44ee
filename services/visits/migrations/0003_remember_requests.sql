{include remember_requests.sql}

{include note_requests.sql}

CREATE CONSTRAINT TRIGGER note_request AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.request_id IS NOT NULL) EXECUTE FUNCTION note_request();
