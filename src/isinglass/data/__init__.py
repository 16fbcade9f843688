"""Data sets: shipped by a dependency, generated, or read from the user's files."""
