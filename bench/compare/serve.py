"""What a rival's process does: it tells what it can run, then times it on demand.

It prints one line of JSON, {"name", "version", "subjects", "errors", "absent"}, and then
answers each line "NAME REPS" with the nanoseconds that REPS runs took, after half as
many that are not timed, or "! why".
"""

import json
import sys
import time


def memory():
    """Resident bytes of this process."""
    with open("/proc/self/statm") as f:
        pages = int(f.read().split()[1])
    import resource

    return pages * resource.getpagesize()


def serve(name, version, subjects, errors=None, absent=None):
    """subjects maps names to functions that run themselves reps times. absent
    maps names to the reason why they cannot be run."""
    head = {"name": name, "version": version, "subjects": {s: {} for s in subjects}, "errors": errors or {}, "absent": absent or {}}
    print(json.dumps(head), flush=True)
    for line in sys.stdin:
        try:
            subject, reps = line.split()
            run, reps = subjects[subject], int(reps)
            run(reps // 2)  # wakes the core up and fills its caches
            start = time.perf_counter_ns()
            run(reps)
            print(time.perf_counter_ns() - start, flush=True)
        except Exception as e:  # the driver decides what to do about it
            print("!", type(e).__name__, str(e).replace("\n", " "), flush=True)
