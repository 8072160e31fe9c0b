import type { OrderedRegistry } from "@kyanite/contract";
import { type Clock, type Log, limitTo, orAborted } from "@kyanite/runtime";
import { messageOf, StepFailure } from "../failure.ts";
import { asDiskFull, invalidImage, invalidRegistry, isKnown, runtimeAnswer } from "./failures.ts";
import type { ImageStore } from "./image-store.ts";
import { type ImageReference, parseReference, registryHost } from "./reference.ts";
import type { ContainerRuntime } from "./runtime.ts";

export type PullPolicy = "always" | "missing" | "never";

export interface WantedImage {
  readonly imageName: string;
  readonly registries: readonly OrderedRegistry[];
  readonly platform?: string | undefined;
}

/** The images of the machine, which all nodes share. */
export interface Images {
  /**
   * Sees to it that an image is there. However many want one at the same time, it is pulled once; it is given up when
   * nobody wants it any more.
   * @returns the name by which the runtime knows it
   * @throws StepFailure with the documented code and what runtime or registry have said
   */
  ensure(image: WantedImage, options: { readonly policy: PullPolicy; readonly signal: AbortSignal }): Promise<string>;
  /** The name of an image that was there a moment ago. Whether it still is, the runtime says when a container is made of it. */
  recent(imageName: string): string | undefined;
  /** It is not there any more. Answers whether it was taken to be. */
  forget(imageName: string): boolean;
}

interface ImageOptions {
  readonly runtime: () => Promise<ContainerRuntime>;
  readonly clock: Clock;
  readonly log: Log;
  /** Notes what was pulled and what is used. */
  readonly store: Pick<ImageStore, "use" | "add">;
  /** How long a registry may say nothing. */
  readonly silenceMilliseconds?: number;
  /** How long is waited before the second try; each further one waits twice as long. */
  readonly firstPause?: number;
}

const imageForm =
  "It is no name of an image: write it like ubuntu:24.04 or registry.example/team/tool:1, in lower case, without blanks";
const pullsAtOnce = 3;
const mostTries = 5;
const usualFirstPause = 1_000;
const silenceMilliseconds = 90_000;

/** Most containers of a machine are of a few images, and to ask for one each time costs as much as another call of the runtime. */
const recentMilliseconds = 10_000;
const mostRecent = 100;

interface Pull {
  readonly done: Promise<void>;
  readonly controller: AbortController;
  waiting: number;
}

export function openImages(options: ImageOptions): Images {
  const pulls = new Map<string, Pull>();
  const seen = new Map<string, { readonly name: string; readonly since: number }>();
  const remember = (imageName: string, name: string) => {
    if (seen.size >= mostRecent) seen.clear();
    seen.set(imageName, { name, since: options.clock.elapsed() });
  };
  const turns = limitTo(pullsAtOnce);
  const begin = (key: string, reference: ImageReference, wanted: WantedImage): Pull => {
    const controller = new AbortController();
    const done = turns(() => pullPatiently(reference, wanted, controller.signal, options)).finally(() =>
      pulls.delete(key),
    );
    done.catch(() => {});
    return { done, controller, waiting: 0 };
  };
  const pull = async (reference: ImageReference, wanted: WantedImage, signal: AbortSignal) => {
    // Whoever has another credential finds out with that.
    const key = JSON.stringify([reference.name, wanted.platform, credentialFor(reference, wanted.registries)]);
    const going = pulls.get(key) ?? begin(key, reference, wanted);
    pulls.set(key, going);
    going.waiting += 1;
    try {
      await orAborted(going.done, signal);
    } finally {
      going.waiting -= 1;
      if (going.waiting === 0) {
        going.controller.abort();
        if (pulls.get(key) === going) pulls.delete(key);
      }
    }
  };
  return {
    async ensure(wanted, { policy, signal }) {
      const reference = parseReference(wanted.imageName);
      if (reference === undefined) throw invalidImage(wanted.imageName, imageForm);
      const { api } = await options.runtime();
      const isThere = policy !== "always" && (await isKnown(api.getImage(reference.name)));
      if (!isThere && policy === "never")
        throw invalidImage(
          wanted.imageName,
          "It is not on the compute node, and --pull never keeps it from being fetched",
        );
      if (isThere) options.store.use(reference.name);
      else await pull(reference, wanted, signal);
      if (wanted.platform === undefined) remember(wanted.imageName, reference.name);
      return reference.name;
    },
    recent(imageName) {
      const found = seen.get(imageName);
      if (found === undefined || options.clock.elapsed() - found.since > recentMilliseconds) return undefined;
      options.store.use(found.name);
      return found.name;
    },
    forget: (imageName) => seen.delete(imageName),
  };
}

/** The log-in at the image's registry, if one was given. */
function credentialFor({ registry }: ImageReference, registries: readonly OrderedRegistry[]) {
  const found = registries.find(({ server, username }) => registryHost(server) === registry && username !== undefined);
  return found && { username: found.username ?? "", password: found.password ?? "", serveraddress: registry };
}

/** A registry that does not answer is tried again; one that refuses is not. */
async function pullPatiently(
  reference: ImageReference,
  wanted: WantedImage,
  signal: AbortSignal,
  options: ImageOptions,
): Promise<void> {
  const { clock, log, firstPause = usualFirstPause } = options;
  const image = reference.name;
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    const began = clock.elapsed();
    try {
      log.info("pull begins", { image, tries });
      await pullOnce(reference, wanted, signal, options);
      await options.store.add(image);
      log.info("image pulled", { image, seconds: Math.round((clock.elapsed() - began) / 100) / 10 });
      return;
    } catch (cause) {
      signal.throwIfAborted();
      const failure = pullFailure(reference, cause, credentialFor(reference, wanted.registries)?.username);
      log.warn("pull failed", { image, tries, reason: reasonOf(cause) });
      if (!(failure instanceof RegistryAway)) throw failure;
      if (tries === mostTries) throw failure.asFailure;
      await clock.sleep(firstPause * 2 ** (tries - 1), signal);
    }
  }
}

/** What the runtime says while it pulls, a line each. */
interface PullProgress {
  readonly status?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

async function pullOnce(
  reference: ImageReference,
  { registries, platform }: WantedImage,
  signal: AbortSignal,
  { runtime, clock, silenceMilliseconds: silence = silenceMilliseconds, log }: ImageOptions,
): Promise<void> {
  const { api } = await runtime();
  const { repository, version } = reference;
  const silent = new AbortController();
  const over = new AbortController();
  const ending = AbortSignal.any([signal, silent.signal]);
  let heard = clock.elapsed();
  const watch = async () => {
    while (!over.signal.aborted) {
      await clock.sleep(silence / 3, over.signal);
      if (clock.elapsed() - heard > silence)
        silent.abort(new Error(`it has said nothing for ${silence / 1000} seconds`));
    }
  };
  const watching = watch();
  try {
    const stream = await orAborted(
      api.createImage(credentialFor(reference, registries), {
        _query: { fromImage: repository, tag: version, ...(platform === undefined ? {} : { platform }) },
        _body: {},
        abortSignal: ending,
      }),
      ending,
    );
    let shown = clock.elapsed();
    for await (const line of lines(stream)) {
      heard = clock.elapsed();
      const progress: PullProgress = JSON.parse(line);
      const error = progress.errorDetail?.message ?? progress.error;
      if (error !== undefined) throw new Error(error);
      if (heard - shown < showMilliseconds) continue;
      shown = heard;
      log.info("pull goes on", { image: repository, status: progress.status });
    }
  } catch (cause) {
    throw silent.signal.aborted ? silent.signal.reason : cause;
  } finally {
    over.abort();
    await watching;
  }
}

const showMilliseconds = 10_000;

async function* lines(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts.map((part) => part.trim()).filter(Boolean);
  }
  if (rest.trim() !== "") yield rest;
}

/** It may answer another time. */
class RegistryAway extends Error {
  readonly asFailure: StepFailure;

  constructor(asFailure: StepFailure) {
    super(asFailure.message);
    this.asFailure = asFailure;
  }
}

const reasonOf = (cause: unknown) => runtimeAnswer(cause)?.reason ?? messageOf(cause);

const isRefusal =
  /unauthorized|authentication required|no basic auth|incorrect username or password|denied: |forbidden/i;
/** Docker Hub says this of images that do not exist. */
const isUnknown =
  /manifest unknown|name unknown|not found|no such image|repository does not exist|invalid reference|not a valid|no matching manifest|pull access denied/i;

/** Registries say in words what is wrong, and runtimes pass it on; what can be done about it is ours to say. */
function pullFailure(
  { name, registry }: ImageReference,
  cause: unknown,
  username: string | undefined,
): StepFailure | RegistryAway {
  if (cause instanceof StepFailure) return cause;
  const reason = reasonOf(cause);
  const full = asDiskFull(reason, cause);
  if (full) return full;
  if (isUnknown.test(reason) && !/unauthorized|authentication/i.test(reason)) {
    const advice = "Check its name and tag, and the log-in if the registry is private";
    return invalidImage(name, `It is not on the compute node, nor in its registry: ${reason}. ${advice}`, cause);
  }
  if (isRefusal.test(reason)) {
    const refusal =
      username === undefined
        ? `The registry asks for a log-in: ${reason}. Give it in containerRegistries of the pool or registry of the task`
        : `The registry refuses the log-in as ${username}: ${reason}. Check user name, password and image`;
    return invalidRegistry(registry, refusal, cause);
  }
  const away = `${name} is not on the compute node, and its registry did not answer in ${mostTries} tries: ${reason}`;
  const advice = "Check the image's name and the network, or load the image on the machine";
  return new RegistryAway(invalidRegistry(registry, `${away}. ${advice}`, cause));
}
