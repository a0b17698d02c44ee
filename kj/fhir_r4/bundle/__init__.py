"""A bundle as it lies in its file: unpacked, read a window at a time, its resources found by name."""
