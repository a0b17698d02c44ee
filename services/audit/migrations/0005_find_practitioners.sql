-- Accesses are found by who made them: an auditor looks for what one practitioner has opened.
--
-- The HPR number stands in the personal part and nowhere else. So the index is one of `personal`: it holds what a row
-- there says, nothing more, and what is erased there is gone from it.

-- Returns the HPR number in a serialized PersonalPart, null where there is none. Fields come in the order of their
-- numbers: patient_ref (1: 2 bytes of tag and length, 36 of text, or absent), then practitioner (2), whose first field
-- is the number. What is longer than 127 bytes has a length of two bytes. Nothing here can fail: an insertion depends on it.
CREATE FUNCTION practitioner_in(content bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN substr(content, start, 1) = '\x12'::bytea AND substr(content, inner_at, 1) = '\x0a'::bytea
        AND length(content) > inner_at
        THEN encode(substr(content, inner_at + 2, get_byte(content, inner_at)), 'escape')
    END
    FROM (
        SELECT start, start + CASE WHEN substr(content, start + 1, 1) >= '\x80'::bytea THEN 3 ELSE 2 END AS inner_at
        FROM (SELECT CASE WHEN substr(content, 1, 2) = '\x0a24'::bytea THEN 39 ELSE 1 END AS start) AS first
    ) AS second
$$;

CREATE INDEX personal_of_practitioner ON personal (practitioner_in(content), idx);
