"""What runs in a guest without pytest: fuzz, soak, boots."""
