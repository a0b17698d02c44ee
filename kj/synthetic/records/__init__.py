"""What the registers hold about each person, as messages of the contract."""
