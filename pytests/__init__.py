"""The tests, what they share, and what runs them: README.md has the map."""
