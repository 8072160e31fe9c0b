import type { Clock } from "@kyanite/runtime";
import type { Container, ContainerInspectInfo } from "dockerode";
import { messageOf } from "../failure.ts";
import { RuntimeLost, runtimeAnswer } from "./failures.ts";
import { untilAnswered } from "./patience.ts";
import type { ContainerRuntime } from "./runtime.ts";

interface Means {
  readonly runtime: () => Promise<ContainerRuntime>;
  readonly clock: Clock;
}

/** A container that the runtime is asked for by its name, whether or not there is one. */
export class NamedContainer {
  readonly #name: string;
  readonly #means: Means;

  constructor(name: string, means: Means) {
    this.#name = name;
    this.#means = means;
  }

  async handle(): Promise<Container> {
    const { api } = await this.#means.runtime();
    return api.getContainer(this.#name);
  }

  async inspect(): Promise<ContainerInspectInfo> {
    const container = await this.handle();
    return container.inspect();
  }

  /** Undefined when there is no such container. */
  async find(): Promise<ContainerInspectInfo | undefined> {
    let found: ContainerInspectInfo | undefined;
    await this.insist(
      async (container) => {
        found = await container.inspect();
      },
      [404],
    );
    return found;
  }

  /**
   * Does something as soon as the runtime is there for it.
   * @param accepted answers after which it is as it should be
   * @throws RuntimeLost when it does not come back
   */
  async insist(act: (container: Container) => Promise<unknown>, accepted: readonly number[]): Promise<void> {
    const ask = async () => {
      try {
        await act(await this.handle());
      } catch (cause) {
        if (!accepted.includes(runtimeAnswer(cause)?.statusCode ?? 0)) throw cause;
      }
    };
    await untilAnswered(ask, this.#means).catch((cause: unknown) => {
      throw new RuntimeLost(runtimeAnswer(cause)?.reason ?? messageOf(cause));
    });
  }
}

export const isRunning = ({ State }: ContainerInspectInfo) => State.Running || State.Paused || State.Restarting;
