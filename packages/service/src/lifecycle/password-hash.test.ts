import { expect, test } from "vitest";
import { hashPassword } from "./password-hash.ts";

// What crypt(3) of the GNU C library makes of them.
test.each([
  [
    "Hello world!",
    "saltstring",
    "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  ["", "abcdefgh", "v7sYNA18/BerGOYQLppYLyjH4yJilp8kqe/ef3KYMK9hOIdzH1yzcmP74Ay.m51y1jP3QqxM7Jl75S4CxDhBq."],
  [
    "x".repeat(70),
    "ABCDEFGHIJKLMNOP",
    "LmN.OmL/OW20YXb./Hq83ZH/wg.uEZhWcJJwzK9XZVQQcQkDoyXouBD4w0d8MpA2LQSjekcxszdtA.kPNhPys0",
  ],
  ["pässwörd", "./.", "dEkSKb.4SOjUQes1Ea2NuJqt.UB3qMYZKuZnrvtSQR2T77WjHC.6ji8pztrqFjGR4CgX2nF9HrKmBXFiA1jdS0"],
])("the password %j is hashed as other systems do", (password, salt, hash) => {
  expect(hashPassword(password, salt)).toBe(`$6$${salt}$${hash}`);
});

test("every hash of a password has a salt of its own", () => {
  expect(hashPassword("x")).not.toBe(hashPassword("x"));
});
