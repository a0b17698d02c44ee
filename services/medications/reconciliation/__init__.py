"""What is in use, by every source at hand: compared, with what differs and what is in doubt, and a draft of a list."""
