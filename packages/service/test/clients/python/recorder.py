"""Which operations of a client were called, and how they went; one line of JSON for each of them at the end."""
import functools
import inspect
import json
import sys
import time
import traceback
import types


class Recorder:
    def __init__(self):
        self.outcomes = {}
        self.last = None

    def watch(self, target, prefix="", leave_out=(), use=lambda target: target):
        """This object, used in a certain way; every public method of it is an operation."""
        used = use(target)
        for name, _ in inspect.getmembers(type(target), inspect.isfunction):
            if not name.startswith("_") and name not in leave_out:
                self.outcomes[prefix + name] = "not called"
                setattr(used, name, self.watched(prefix + name, getattr(used, name)))
        return used

    def watch_groups(self, client, use=lambda target: target):
        """As `watch`, for clients that keep their methods in groups."""
        groups = {name: self.watch(group, name + ".", use=use) for name, group in vars(client).items()
                  if type(group).__name__.endswith("Operations")}
        return types.SimpleNamespace(**groups)

    def watched(self, name, method):
        """This method, called as the operation of that name."""
        @functools.wraps(method)
        def call(*arguments, **more):
            self.last = name
            try:
                answer = method(*arguments, **more)
            except Exception as error:
                # Not later: pollers call operations themselves until these are refused.
                if self.outcomes[name] == "not called":
                    self.outcomes[name] = f"{type(error).__name__}: {error}"
                raise
            if self.outcomes[name] == "not called":
                self.outcomes[name] = None
            return answer
        return call

    def section(self, function):
        """Runs it at once. A section that fails is left where it does so; the operation that it called last is to blame."""
        try:
            function()
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self.outcomes[self.last] = self.outcomes[self.last] or f"{type(error).__name__}: {error}"

    def refused(self, code, call, *arguments, **more):
        """The error of a call that is to be refused; that makes its operation pass."""
        try:
            answer = call(*arguments, **more)
            if hasattr(answer, "__iter__"):
                list(answer)
        except Exception as error:
            assert code_of(error) == code, f"{code_of(error)} instead of {code}: {error}"
            self.outcomes[self.last] = None
            return error
        raise AssertionError(f"not refused with {code}")

    def report(self):
        for name, error in sorted(self.outcomes.items()):
            print(json.dumps({"name": name, "passed": error is None} | ({"error": error[:2000]} if error else {})))


def code_of(error):
    """Where each generation of the clients keeps the code of the service's error."""
    for holder in (getattr(error, "model", None), getattr(error, "error", None)):
        if getattr(holder, "code", None):
            return holder.code
    return None


def until(ask, wanted, seconds=90):
    end = time.monotonic() + seconds
    while not wanted(answer := ask()):
        assert time.monotonic() < end, answer
        time.sleep(0.1)
    return answer
