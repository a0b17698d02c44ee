-- What runs with the owner's rights looks for its tables where only the owner makes them, and in temporary ones last:
-- a path that does not name pg_temp has it first, and a temporary `coordinator` would have given out index and time.
DO $$
DECLARE
    each regprocedure;
BEGIN
    FOR each IN SELECT oid FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = public, pg_temp', each);
    END LOOP;
END $$;

-- When a checkpoint was signed is the database's clock, and nobody's word.
REVOKE INSERT ON checkpoints FROM {runtime_role};
GRANT INSERT (size, root, leaves, note) ON checkpoints TO {runtime_role};
