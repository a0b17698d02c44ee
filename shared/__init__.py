"""What every process shares: settings, server, database, telemetry, and the steps around each rpc."""
