/** The name of an image, as `docker pull` reads it. */
export interface ImageReference {
  /** Such as `registry.example:5000`; that of Docker Hub when the name has none. */
  readonly registry: string;
  /** With its registry, but without tag and digest. */
  readonly repository: string;
  /** A digest or a tag. */
  readonly version: string;
  /** The whole name, with its version. */
  readonly name: string;
}

const dockerHub = "docker.io";

const form =
  /^(?<repository>(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>[A-Za-z0-9]+:[0-9a-fA-F]{32,}))?$/;

/** Undefined when the text is no name of an image. */
export function parseReference(text: string): ImageReference | undefined {
  const { repository, tag, digest } = form.exec(text.trim())?.groups ?? {};
  if (repository === undefined) return undefined;
  const [first = "", ...rest] = repository.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  // A digest says everything, and not every runtime takes a tag beside it.
  const version = digest === undefined ? (tag ?? "latest") : digest;
  const name = `${repository}${digest === undefined ? ":" : "@"}${version}`;
  return { registry: hasRegistry ? first : dockerHub, repository, version, name };
}

/** The host of a registry, however it is written; Docker Hub has several names. */
export function registryHost(server: string | undefined): string {
  const host = (server ?? "").replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return ["", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"].includes(host) ? dockerHub : host;
}
