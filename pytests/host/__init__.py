"""What runs outside guests. `python3 -m pytests.host --help` has its commands."""
