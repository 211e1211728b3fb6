"""Contestants in processes of their own, so that the thread pools of two frameworks do not disturb each other.

A worker says one line of JSON when it is ready and then answers each line of JSON that it reads with another, until
its input ends. This file needs the standard library alone: a worker may run in an interpreter that lacks the rest.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable


def serve(answer: Callable[..., dict], **hello) -> None:
    """The worker's side: say hello, then answer every request, whose entries become the arguments of `answer`."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not stand between two answers
    print(json.dumps(hello), file=channel, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), file=channel, flush=True)


class Worker:
    """The other side: starts `python script arguments...` at once; `hello` and `ask` wait for what it says."""

    def __init__(self, script: str, *arguments: str, python: str = sys.executable, environment: dict | None = None):
        command = [python, script, *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environment, **pipes)
        self._hello = None

    def hello(self) -> dict:
        """What the worker says of itself when it is ready."""
        if self._hello is None:
            self._hello = self._read()
        return self._hello

    def ask(self, **request) -> dict:
        """Send a request, wait for its answer. Raises RuntimeError where the worker has ended."""
        self.hello()
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker {self.process.args} ended with {self.process.wait()}; see its error above")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if exception[0] is not None:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
