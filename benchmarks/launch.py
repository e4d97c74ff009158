"""Run commands for another process and say what each took.

This process is small, because a child's peak of memory begins with that of the process that it was forked from.
Reads a JSON list of words per line; answers with wall clock seconds, processor seconds, peak of
resident memory in MB, exit code.
"""

import json
import os
import sys
import time


def launch(command: list[str]) -> tuple[float, float, float, int]:
    """Run a command to its end, its output thrown away."""
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    began = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=nothing)
    _, status, usage = os.wait4(child, 0)
    took = time.perf_counter() - began
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(launch(json.loads(line))), flush=True)
