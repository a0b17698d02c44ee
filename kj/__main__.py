"""`python -m kj`, the same as `kj`."""

from kj import main

main()
