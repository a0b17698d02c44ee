"""`python -m gateway.cli`, the same as `kj`."""

from gateway.cli import main

main()
