"""Checks that need a boot of their own: kernel parameters, or the end of the kernel's trust."""
