"""Code systems and what their codes mean, each in a file of its own with its source. Pure."""
