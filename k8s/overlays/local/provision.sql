-- Runs once, by psql, in a new cluster: a database for each service with an owner role, who migrates, and a runtime
-- role, who serves and may make nothing. The local runner does the same in kj/local/databases.py.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv runtime_password RUNTIME_PASSWORD

REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;

CREATE TEMPORARY TABLE services AS
SELECT 'kj_' || name AS role
FROM unnest(ARRAY[
    'critical_info', 'medications', 'visits', 'documents', 'labs', 'vaccinations', 'own_registrations', 'patients', 'audit'
]) AS name;

SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', role || '_owner', :'owner_password'),
       format('CREATE ROLE %I LOGIN PASSWORD %L', role, :'runtime_password'),
       format('CREATE DATABASE %I OWNER %I', role, role || '_owner'),
       format('REVOKE ALL ON DATABASE %I FROM PUBLIC', role),
       format('GRANT CONNECT ON DATABASE %I TO %I', role, role)
FROM services
\gexec
