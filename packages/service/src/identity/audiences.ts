/** Which half of the service a token is for. */
export type Plane = "data" | "management";

/** The resources that Azure's clients ask tokens for, without a slash at the end; the ids are those of v2 tokens. */
const audiences: Readonly<Record<Plane, readonly string[]>> = {
  data: ["https://batch.core.windows.net", "ddbf3205-c6bd-46ae-8127-60eb93363864"],
  management: [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",
  ],
};

const withoutSlash = (text: string) => text.replace(/\/+$/, "");

/** Whether one of a token's audiences is this half of the service; with or without slashes at the end. */
export function isFor(plane: Plane, audience: unknown): boolean {
  const values: unknown[] = Array.isArray(audience) ? audience : [audience];
  return values.some((value) => typeof value === "string" && audiences[plane].includes(withoutSlash(value)));
}

/** Whether it is a resource that anything here is reached with. */
export const isOurs = (resource: string) => isFor("data", resource) || isFor("management", resource);
