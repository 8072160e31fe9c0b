/** How long somebody waits. It costs less than an `AbortController` for each request. */
export interface Deadline extends Disposable {
  /** Whether the time is over, or the caller's signal has aborted. */
  throwIfOver(): void;
  /** Called once when it is; the last one that is given counts. */
  whenOver(act: (reason: unknown) => void): void;
  /** Counts no more. */
  pause(): void;
  /** Counts anew. */
  restart(): void;
}

/** Gives something so many seconds. The caller's signal may live long: nothing stays attached to it. */
export function deadline(seconds: number, callers: AbortSignal | undefined): Deadline {
  let over: { readonly reason: unknown } | undefined;
  let act: (reason: unknown) => void = () => {};
  const end = (reason: unknown) => {
    over ??= { reason };
    release();
    act(over.reason);
  };
  const expire = () => end(new DOMException(`No answer within ${seconds} s`, "TimeoutError"));
  const forward = () => end(callers?.reason);
  let timer = setTimeout(expire, seconds * 1000);
  const pause = () => clearTimeout(timer);
  const release = () => {
    pause();
    callers?.removeEventListener("abort", forward);
  };
  callers?.addEventListener("abort", forward);
  if (callers?.aborted) forward();
  return {
    throwIfOver: () => {
      if (over) throw over.reason;
    },
    whenOver: (given) => {
      act = given;
    },
    pause,
    restart: () => {
      pause();
      if (!over) timer = setTimeout(expire, seconds * 1000);
    },
    [Symbol.dispose]: release,
  };
}
