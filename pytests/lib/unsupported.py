"""What the running kernel lacks."""


class Unsupported(Exception):
    """The running kernel lacks what is needed; the message says what. It skips a test."""
