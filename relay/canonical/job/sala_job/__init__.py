"""From the recording of a talk to what an engine heard in it."""
