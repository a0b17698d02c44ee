"""What every part reads of medicines in the same way: how long they last, and what a dose may say. Pure functions."""
