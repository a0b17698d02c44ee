"""What the registers hold about each of them, as messages of the contract."""
