"""An asynchronous client, used as if it were not, so that one program tries both."""
import asyncio
import inspect

loop = asyncio.new_event_loop()


class Blocking:
    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        member = getattr(self._client, name)
        if inspect.ismethod(member) or inspect.isfunction(member):
            return lambda *arguments, **more: finished(member(*arguments, **more))
        return Blocking(member) if hasattr(member, "_client") else member


def finished(answer):
    """What was awaited, all pages of a list, all bytes of a stream; a poller's `result` waits likewise."""
    return loop.run_until_complete(_finished(answer))


async def _finished(answer):
    if inspect.isawaitable(answer):
        answer = await answer
    if hasattr(answer, "__aiter__"):
        return [each async for each in answer]
    if hasattr(answer, "polling_method"):
        return Blocking(answer)
    return answer
