"""How much of everything the tests do: the one place for the big counts.

The environment variable MEMEVENTS_SCALE (a float, default 1.0) multiplies
them: 0.1 for a quick look, 10 for a long run.
"""

import os

SCALE = float(os.environ.get("MEMEVENTS_SCALE", "1.0"))


def scaled(count):
    """Return count times MEMEVENTS_SCALE, but never less than 2."""
    return max(2, round(count * SCALE))


READS = scaled(1000)            # of each file, in turn
READS_256_PARENTS = scaled(10000)   # of each file, with the table full
FLIPS_REDIRECT = scaled(10000)  # writes to a parent's redirect
FLIPS_ENABLED = scaled(100)     # writes to enabled: a grace period each
FLIPS_TRACEPOINT = scaled(20)   # of the event: a grace period each
VISITORS = scaled(40)           # that come or go beside the hook
FLIPS_BANNER = scaled(1000)     # writes to banner
RESETS = scaled(100)            # writes to reset under readers
REFUSALS = scaled(90)           # of switching on, under readers; MEMEVENTS_SCALE=112 makes 10,080
REFUSED_LOADS = scaled(12)      # the same of loading
SLOW_UNLOADS = scaled(6)        # with readers in a slow replacement
READS_BYPASSED = scaled(1000)   # of each file, with the table full and the cache bypassed
READS_NESTED = scaled(100)      # of each file, while who looks on calls the target
WRITES_AT_ONCE = scaled(100)    # of each of several writers
FUZZED_WRITES = scaled(3000)    # of the fuzzer's short run
FUZZED_LOADS = max(20, scaled(30))  # with random parameters: fewer may all be taken

# Not scaled
CHURNED_PARENTS = 1000          # added and removed under readers
CHURNED_BYPASSED = 40           # the same, with the cache bypassed

DEADLINE = 180.0                # seconds a test waits for a state, at most
