import { describe, expect, test } from "vitest";
import { type Networks, parseNetworks } from "./networks.ts";

function networks(text: string): Networks {
  const parsed = parseNetworks(text);
  if (!parsed) throw new Error(`${text} is no list of networks`);
  return parsed;
}

const notOfTheInternet = [
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.0.1",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.8",
  "192.168.0.1",
  "198.18.0.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "64:ff9b::a00:1",
  "100::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "fc00::1",
  "fd12:3456::1",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
];
const ofTheInternet = [
  "1.1.1.1",
  "8.8.8.8",
  "172.15.0.1",
  "172.32.0.1",
  "192.169.0.1",
  "2606:4700::1111",
  "2a00:1450::1",
];

describe("public", () => {
  test.each(notOfTheInternet)("does not permit %s", (address) => {
    expect(networks("public").permits(address, true)).toBe(false);
  });

  test.each(ofTheInternet)("permits %s, encrypted only", (address) => {
    expect(networks("public").permits(address, true)).toBe(true);
    expect(networks("public").permits(address, false)).toBe(false);
  });

  test("permits no text that is no address", () => {
    for (const text of ["", "localhost", "8.8.8", "8.8.8.8.8"])
      expect(networks("public").permits(text, true)).toBe(false);
  });
});

test("a network is permitted with and without encryption, and nothing else is", () => {
  const { permits, permitsPlain } = networks("10.1.0.0/16, fd00::/8 127.0.0.1");
  expect(permitsPlain).toBe(true);
  for (const address of ["10.1.2.3", "fd00::1", "127.0.0.1", "::ffff:10.1.2.3"]) {
    expect(permits(address, true)).toBe(true);
    expect(permits(address, false)).toBe(true);
  }
  for (const address of ["10.2.0.0", "127.0.0.2", "8.8.8.8", "fe80::1"]) expect(permits(address, true)).toBe(false);
});

test("all is everything, and none is nothing", () => {
  for (const address of [...notOfTheInternet, ...ofTheInternet]) {
    expect(networks("all").permits(address, false)).toBe(true);
    expect(networks("none").permits(address, true)).toBe(false);
  }
  expect(
    [networks("all"), networks("none"), networks("public"), networks("")].map((each) => each.permitsPlain),
  ).toEqual([true, false, false, false]);
});

test.each(["everything", "10.0.0.0/33", "::/129", "10.0.0", "10.0.0.0/", "example.com", "public,private"])(
  "%s is no list of networks",
  (text) => {
    expect(parseNetworks(text)).toBeUndefined();
  },
);
