"""The host's side of the bench: stock Debian kernels in throw-away QEMU guests.

Run from the top of the source tree: `python3 -m pytests.vm help`.
"""
