"""Is all set up right? Each thing looked at, with what to do about it."""
