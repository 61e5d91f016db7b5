"""What is run in guests, and what came out: the suite, boots, long programs, the demo."""
