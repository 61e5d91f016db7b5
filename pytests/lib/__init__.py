"""What tests and programs share. Nothing here imports pytest."""
