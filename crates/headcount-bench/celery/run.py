"""Times a chord of so many tasks: prints the nanoseconds until all were sent, and until the callback's result was here."""

import sys
import time

from celery import chord

from app import all_done, app, nothing

members, workers, patience = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
end = time.monotonic() + patience
while len(app.control.ping(timeout=0.5)) < workers:
    if time.monotonic() > end:
        sys.exit("its workers do not answer")

begin = time.perf_counter_ns()
result = chord(nothing.s() for _ in range(members))(all_done.s())
sent = time.perf_counter_ns() - begin
done = result.get(timeout=patience)
took = time.perf_counter_ns() - begin
if done != members:
    sys.exit(f"{done} of {members} tasks came back")
print(sent, took)
