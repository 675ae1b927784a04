"""Celery's side: a task that does nothing, and the callback of the chord around them."""

import os

from celery import Celery

app = Celery("app", broker=os.environ["ENGINE"], backend=os.environ["ENGINE"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    # As many as our worker claims at once.
    worker_prefetch_multiplier=64,
    # A member whose worker dies is to run again, as with us.
    task_acks_late=True,
)


@app.task
def nothing():
    return None


@app.task
def all_done(results):
    return len(results)
