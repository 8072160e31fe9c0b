import { isIP } from "node:net";
import { expect, test } from "vitest";
import { peerReach } from "./reach.ts";

const settings = { host: "127.0.0.1", peerHost: undefined, peerPort: 0 };

test.each([
  [{}, { host: "127.0.0.1", port: 0, name: "127.0.0.1" }],
  [{ peerPort: 7 }, { host: "127.0.0.1", port: 7, name: "127.0.0.1" }],
  [{ peerHost: "10.0.0.7" }, { host: "10.0.0.7", port: 0, name: "10.0.0.7" }],
  [{ peerHost: "fd00::7" }, { host: "fd00::7", port: 0, name: "[fd00::7]" }],
])("other servers reach one with %o at its own address", (given, reach) => {
  expect(peerReach({ ...settings, ...given })).toEqual(reach);
});

test.each(["0.0.0.0", "::"])("one that listens on %s is called by an address of its machine", (host) => {
  const { name, ...reach } = peerReach({ ...settings, host });
  expect(reach).toEqual({ host, port: 0 });
  expect(name).not.toContain(host === "::" ? "[::]" : host);
  expect(isIP(name.replace(/^\[|\]$/g, ""))).toBeGreaterThan(0);
});
