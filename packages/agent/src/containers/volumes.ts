import { runtimeAnswer } from "./failures.ts";
import type { ContainerRuntime } from "./runtime.ts";

type Labels = Readonly<Record<string, string>>;

/**
 * Removes volumes with a label that belong to no container: those without a name carry the labels of theirs. A runtime
 * that was killed while it made or removed a container may have kept a volume of it.
 */
export async function removeLeftVolumes(
  { api }: ContainerRuntime,
  [name, value]: readonly [name: string, value: string],
  isMeant: (labels: Labels) => boolean = () => true,
): Promise<void> {
  const { Volumes } = await api.listVolumes({ filters: { label: [`${name}=${value}`] } });
  for (const { Name, Labels: labels } of Volumes ?? []) {
    if (labels?.[name] !== value || !isMeant(labels)) continue;
    await api
      .getVolume(Name)
      .remove()
      .catch((cause: unknown) => {
        // A container has it, or it has gone meanwhile.
        if (![404, 409].includes(runtimeAnswer(cause)?.statusCode ?? 0)) throw cause;
      });
  }
}
