const stopSignals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

export interface Shutdown extends Disposable {
  /** Aborts at the first request to stop; its reason is the name of the operating system's signal. */
  readonly signal: AbortSignal;
}

/**
 * Turns the operating system's requests to stop into an {@link AbortSignal}. A second request ends the process at
 * once, with the exit code that shells expect. Dispose to give the signals back.
 */
export function listenForShutdown(exit: (code: number) => void = process.exit): Shutdown {
  const controller = new AbortController();
  const stop = (name: keyof typeof stopSignals) => {
    if (controller.signal.aborted) exit(128 + stopSignals[name]);
    controller.abort(name);
  };
  const handlers = {
    SIGHUP: () => stop("SIGHUP"),
    SIGINT: () => stop("SIGINT"),
    SIGTERM: () => stop("SIGTERM"),
  } as const;
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
    },
  };
}
