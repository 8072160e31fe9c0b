import { expect, test } from "vitest";
import { parseReference, registryHost } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["ubuntu", "docker.io", "ubuntu", "ubuntu:latest"],
  ["ubuntu:22.04", "docker.io", "ubuntu", "ubuntu:22.04"],
  ["library/ubuntu", "docker.io", "library/ubuntu", "library/ubuntu:latest"],
  ["quay.io/biocontainers/samtools:1.9--h10", "quay.io", "quay.io/biocontainers/samtools", undefined],
  ["localhost:5000/a/b", "localhost:5000", "localhost:5000/a/b", "localhost:5000/a/b:latest"],
  ["localhost/a", "localhost", "localhost/a", "localhost/a:latest"],
  [`ubuntu@${digest}`, "docker.io", "ubuntu", `ubuntu@${digest}`],
  [`my.azurecr.io/a:1@${digest}`, "my.azurecr.io", "my.azurecr.io/a", `my.azurecr.io/a@${digest}`],
])("%s is of %s", (text, registry, repository, name = text) =>
  expect(parseReference(text)).toMatchObject({ registry, repository, name }),
);

test.each(["", "Ubuntu", "a b", "ubuntu:", "../x", "a//b", "ubuntu@sha256:1", "-x", "http://a/b"])(
  "%j is no name of an image",
  (text) => expect(parseReference(text)).toBeUndefined(),
);

test.each([
  [undefined, "docker.io"],
  ["https://index.docker.io/v1/", "docker.io"],
  ["my.azurecr.io", "my.azurecr.io"],
  ["https://my.azurecr.io/", "my.azurecr.io"],
  ["http://localhost:5000", "localhost:5000"],
])("the registry %s is at %s", (server, host) => expect(registryHost(server)).toBe(host));
