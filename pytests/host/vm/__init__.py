"""Stock Debian kernels in throw-away QEMU guests: kernels, roots, images, guests."""
