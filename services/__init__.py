"""One package a service; each is a process of its own, with a database and roles of its own."""

import os

# Lines of grpc itself, one for each call of anybody that it refuses, without a bound. Before it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
