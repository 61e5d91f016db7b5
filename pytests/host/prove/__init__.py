"""What the module's comments claim about ordering, checked by herd7: `make prove`."""
