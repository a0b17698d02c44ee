"""One package a service; each is a process of its own, with a database and roles of its own."""
