"""The lane of live pictures: drawn while somebody draws, answered at once, kept nowhere."""
