import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

/** Self-signed, made for this test, valid for a hundred years; the password of the PKCS#12 file is `secret`. */
const thumbprint = "24b22c8cc7de5b0a0aa01392e48c2818cd8042fe";
const cer =
  "MIIBhTCCASugAwIBAgIUJwKr64Gu3dEsPHXzbKwWTSG1zzMwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMa3lhbml0ZS10ZXN0MCAXDTI2MTEyNDAwMTQzNloYDzIxMjYxMDMxMDAxNDM2WjAXMRUwEwYDVQQDDAxreWFuaXRlLXRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQTd9aM0b9gVoVkXHChwHYK8+X25shqHp/pDSH3Q76uG3NbBFXHLAUpr4ERXChC7HxfiFSLsGaeRaDhumDDvuujo1MwUTAdBgNVHQ4EFgQUYELXKYlGzZWqLpOe7qBo/QWyWBswHwYDVR0jBBgwFoAUYELXKYlGzZWqLpOe7qBo/QWyWBswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAh+z0zEEK7Si368pAtG2qna/CW6CsTVED9ffIeRRkqxwCIE/RosXXY52p1GOYyqXv70NRpuIClK6UebGlokkUEdKX";
const pfx =
  "MIIEHAIBAzCCA9IGCSqGSIb3DQEHAaCCA8MEggO/MIIDuzCCAnIGCSqGSIb3DQEHBqCCAmMwggJfAgEAMIICWAYJKoZIhvcNAQcBMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAj09qvmzAR0sgICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKaqj8ObYU1LEqAjYBpErryAggHwkNlge6JXlr3mVM+Wbj87LqGVnuimWE4fULTYcWBJbd1flu1AwO60VYLm0L1sO5sSKD6OuJ4jC5gr2QM0P903OqmyrRTfUz8dC72h8q+pmdO9CYJsaIV1RdHxotdlqn2vCLTvVu9bS+psYKKs4IuRy/KJsMVQszOVv4V3IK8wRLfHmNajTXOPtVOKdjASrt1vlE4UtO0+iCtQZfCwKXGjuQNYjWhAV6Wu8n2HojAIP7pH//MT983Nfit/lPXGH9v9EO4cIVC6TxkcchR0nvJc/0XzVjw0GTHM84Wdvg2ZyuOYDUBHAyrBtfyvtIh9jhbZiF8pUH0LFsdNKRAcpGkNpVVGWCxxHNFZiWkNi2cOtN2+iE3MuHOjzskN4GYed+qXfwKmfJOMZf2LB0rhyS1AqEUnvKMBmQC3RKUyHtVC6cuDY9mMIwzUHkQhihOeG1QVzTJLIpo2BZrBX414cYx64rx0F5pyFjSNUcVNU6lFMwdYKBZi7kTH+lF4grYVYb/O6BcvtJzP1/2GeESM4gC0DVX7acoaAMMhllMYNebw5YGHKnZPWfzH3fIpHEF/u1cXqAvXKnHaS8xa7wbsRDoDiniTAeE2Vb+eD0lrnVmZ3A4O9yqfmYg+yJUKAavVP+8O7aJQ5Zob5gV6G4OYkgFUGzCCAUEGCSqGSIb3DQEHAaCCATIEggEuMIIBKjCCASYGCyqGSIb3DQEMCgECoIHvMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjp6QQtTDnmCgICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMQdxhlebYcdnO8TGIKg45kEgZBQ810/8HA33fRHB3v/mn1kTGEVCs0XCo1VZDttp2Y+Bga6+SsX6vkbzPlq57A5JS8lFc4NcKy4s3usCol68EmrzOnfjFirajhue5Fnf8LMY++63LZZgyQzkp8EbYugrVV5aSXknvuZwDeIlRtSvXk0RQOJWHcRHJiw9T+UtQXZfwGGebkEhyNOG5sT6tnAEosxJTAjBgkqhkiG9w0BCRUxFgQUJLIsjMfeWwoKoBOS5IwoGM2AQv4wQTAxMA0GCWCGSAFlAwQCAQUABCAoa1v0KnTu78BtXIhdo+s+o/3a+3Wy46NhvSZgObPb9wQIwEFSQYDqjIwCAggA";
/** Of 1024 bits and signed with SHA-1, in files whose password is `password`. */
const weak = {
  thumbprint: "c4308d84cf2781d77e3f2be88c6ad9e1ff9da9c3",
  rc2: "MIIF+QIBAzCCBb8GCSqGSIb3DQEHAaCCBbAEggWsMIIFqDCCAqcGCSqGSIb3DQEHBqCCApgwggKUAgEAMIICjQYJKoZIhvcNAQcBMBwGCiqGSIb3DQEMAQYwDgQIPgueDFwQLcgCAggAgIICYEL4mM9lBbuLy7INK9Yem8zOQDSnMmWLvgFj4t1p06rCGERx1rIoFXkRh6/I67zBTdbykFxy5/KWkx4ghA8cwZPLhslTB2zNY8mlS3uIdEA9BbuER6vQ9sIqfDYHMsn+RvzKhdpqMtQ+uuDx+AoLlidZZy+rI+dHOxoT1VMjmDrx7znuw67+5yDcQQs8QduQbizWm9DBt/gbUIcIDwEUShFp7vgLTiVrK1LpfYRiPKsejbisOzAWtQjorvhzjsr0DbRaCY5Oakr6uGOsJ+MYwsBxFR9sdaHVO6TezMdm6lby3XIbs/AhxS6Cs+w3GRg0GjCjscK7xtv/s5Q35EPMuNzRliAV88NFeQFN8CNBCsECAEhzrF42i/lC+srf3lCtrRVE1NS1qIryc6xJL4Rte26E6McP/i/r/HmUlDOGWzSHw7mOP6ydgBKUdM8n/EwXNDR9GlDTSxOouEvE4wice4hOuQItkPWKziVJ0y5fDawHDOlGQ+NtXrSozHw8tQUJKIB5t3WclUKZJIOT6wUCLcpMq3cUjTNi3bxEty+qYHzc9p1IKr4cALQmMvk7JXKviNxmK1ud7uFK5yY8dHlXfHr8QRefWkeBcLzHNXiWpZBU7ai50Vf2DbuXXnJTXQ+qz2UDcVIktQkxFowEGhKjxu7/egnkQlmGpsxd8Mb4v6BYke3pGmyDZX4yj3Df/fBihcL7eRfwLk6UqQJbO74oOuxpZKCAgFKwxYaH3oiuukid3ReFM3WwIKIIh/6P1cxYXKV8cUtD1tf0PP31gJYSp4TtY8pNzYgQbtA8xtlhrftMMIIC+QYJKoZIhvcNAQcBoIIC6gSCAuYwggLiMIIC3gYLKoZIhvcNAQwKAQKgggKmMIICojAcBgoqhkiG9w0BDAEDMA4ECK9uoQYj+NqmAgIIAASCAoAIzPI90JZDae4nt+l38oQv5ed7+Vg6bGrwamOLlF//b97X4cR6pQ9Im6PaEjbj6sGGmUEA04srXu/OWAC+rwj84Vb8HAFiOivTf97mhc4QJ04wWRk9n4rsu2/Ihn2YL40d97he5XIi2PpI4BdkRoxmQx9wZOAkVNXF6s74iwLKISHnI4QzxR7Z2/jVQACDhlaM0ZrDpgpuOsiOns28y7g0+ibuCQS0X/TeVRMnMDDRBlts6g7I1CQSyQsYd3NlSRlMWWIxaMj/PWytE+DCl6rezNJ5QYWs8WferjlfQVessrT9J7qVmdG5k69LCM0Vku9zEG+hIfaHgL7P8jb36DL2cckMRiywhDVAeltqbIqzb7A2dAAqmh92OkWVTatEHj3iiTPQDrLjTf+t41oxDkpD5DhQ+cJCiUaH1Ogsh9w6MNQ6ZLsKWtRkKnSaHzyIDCpuX9fVvrcnyCk5IloYeuQRe4bC7tP9mSlBLkt4He1uVgLzEaZJeTffFwTqsJnExtCVQxd2/udUjqrjkdLmPrPW8dX4pBZUqgBFbavHzRetpSm0M3aJHsQyGT1S44dJu0by1b0L7CJxUqcXNcOajKyTrqn/fm+K9cf8WPPuuvSZP7rAi0hCuaaXVh9RHwTouGxv1PevCnQcd4/4gqzN1pYscEV2C6Ns7MD782pQWXEiZwzI73xdTdMwGwjWjfca9qYMBGNDHEiTpNrdyn9vTn0bIZso+JzmExV5e0rZW/ai7mookEU7EMdD5JtS4oQUWHrKVUt5y7A7Tpu68RukCHzbbdtd9fIet5RgyPRLQdITZJVX5Xs9WOANYvFUxhnKZJoBe4WaZBAJNbpKwxMWEHdrMSUwIwYJKoZIhvcNAQkVMRYEFMQwjYTPJ4HXfj8r6Ixq2eH/nanDMDEwITAJBgUrDgMCGgUABBSA6Xf5r7W88iS3kEuXIUqKk7/IqQQIJnf/6A3DYXgCAggA",
  aes: "MIIGfwIBAzCCBjUGCSqGSIb3DQEHAaCCBiYEggYiMIIGHjCCAuIGCSqGSIb3DQEHBqCCAtMwggLPAgEAMIICyAYJKoZIhvcNAQcBMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhxCooyTyoEjQICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGiU0OYhtdtyuyBjGix+dByAggJg9c1lAK8GZ84M/LhR4lmjv3PrZxMH08GjoUxTpf96P+bi4bnD3FS9rNBgisgjOroFQAycd0PsLS1gz6R7T2C1Q8/jO6LsPCXK1OyEA+EAAuR5ggynaAN5vfdM//5wZtupASpVkx7yP1V8g0uwzVjqhs4fVejLrTaHCq2MxNDV+WN0b3GmMrHksfgz9PoKyjpXrkVP9WJW7x/bA0xmsAsjJKY0xPrb9qkT/+bsNc0TOAKdKgKofJ9SkgpE0zAael2vZ7zYyujgNRQ++/Eaw5QRKLwQVUw0HFyxCkX+TGsSLwyUtSXibry1EJJiQ4/nBO73a4IHy/zwtw+lQ0Imw+p/FpMFlWsFIbISLs5nSS8VMjiofBkq06Jya80GdOSOhcNSjVadfWZZr5o273axeQQTCJuiALaRRb37tHWL6f6JO5YdTLZ34LGG0LVHH/Nt+c07DRLUSGG0A4IQVOvsfIbuv9xPSOfQgVcq5EYlis7vad1vaYUbV+PKk5FPOtmmHqHtyO/eDXhXOzY8+JHQrPArVqaQBJz2R6ql/jXCWNS/YWWd5Nenrb3S4THK9USEWbBD9Z7jutQLNCniG1Yv12lKz2yZlyNReNPE1pNuHdcrwYdIk5ZXzgI7+imAQ+ycWKoHpbDMtA1lFTphMhnZdIE0AZ+kmh8lOeAQYSkFRcT8dMrO59MoMRYhfM7wg9b4kSHNyAJ26tRZphWM8eRZzC2ogaRMeQ/mTe54/2DTqxpwU2D1R3jHdgAMdVLStLK+yyni+Nc5DTAywHUZ4JnaAY0E0t6R6Pao5helqr43JaCerzowggM0BgkqhkiG9w0BBwGgggMlBIIDITCCAx0wggMZBgsqhkiG9w0BDAoBAqCCAuEwggLdMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhc5DcWutW6fgICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECFIEu7b7YFc14zgWQx8EooEggKAnqu5muzzKTnI9PAU5eaT14Yzv6bfNwhhRfiAw4w+TkEp3YfsUUfAzRqTRuzoJliRGdikbgYP6Dct3TxSf5g77CB2Mo+/E6jOWCYVtxxka0QnX4Nx0Zb32FHUHUAPTRvl5FpEV47VL2KCiNa6eDrIywfQLJ6yTv4KGYGDgTKJ51cHYRBnnIpvvIBhuf2gSKOzijKM8bmFmF26dZhmHsacHVyTZtGgN0gFB6QCstMHQsuKOd8tKicIs17dEOkjkNQy5igXZqWDomOoinUOnxlMrpVJ5XAEN7zFNciNBM90vf6iEDyjD9eNXNDwe6o/t0mh03/dY7HPbaojpaiegZajSrb2jxkYSjp7XDR5r8GWqM4VwfhEcnN/2BHDvctPjmddFaCtbONs2YHQYZmGiPS6TWOIrov4H1mRH2MZNSO9X9nIGWXlT6p5+SXbHLruluDIoJimzwhz+8Nqylqm+ASd3PEd7vjP8i4SDjZ3xAmOnkq0L9YJDoIJysPaqd2NCc6JgmQrH7qpH/EzEOClBJm0EcedqMUcXS8FUnU0B8C1icCQ56maGHtiIdDwdxjBHrX1qpfbbDGkrCPc8SUs3CJ2Yd1gm/5E8IWlfZnUKSHy5v7sJXGBCILUEot5J6ZU2LUDp2iP7xGby11fwA3v0tOCkZiWrvrD4FgDMQ16+Wwp3vnJ+KAeNuTnSf1TXksLszWcEkvocPcBSlZ5aXZZptI7RUt+JDYrX+YvliQOmSp7A4EKgDO3G2MjU8Qyc0gI2nQ3yuQJOvRlE2aESfd84OU6CpAdI62/IwdaAY3QzmVeo4OWgxp9fxCkd8h96MaT500LOD3pq3peH7SsCEfBk+nH2TElMCMGCSqGSIb3DQEJFTEWBBTEMI2EzyeB134/K+iMatnh/52pwzBBMDEwDQYJYIZIAWUDBAIBBQAEILsdWWk0i27Q/rGgC+4BaWaZrBFPlFVJGPTR5CNdJw09BAh6bGue3TIPMQICCAA=",
};
const unknown = "ad".repeat(20);

const aPfx = {
  thumbprint,
  thumbprintAlgorithm: "sha1",
  data: pfx,
  certificateFormat: "pfx",
  password: "secret",
} as const;

const refusal = async (request: Promise<unknown>) =>
  request.then(
    () => undefined,
    ({ statusCode, body }) => ({ status: statusCode, code: body?.code, values: body?.values }),
  );

describe("a certificate", () => {
  test("is refused when it is not what the request says", async () => {
    const add = (change: object) => refusal(client.certificate.add({ ...aPfx, ...change }));
    expect(await add({ thumbprint: unknown })).toMatchObject({ status: 400, code: "InvalidPropertyValue" });
    expect(JSON.stringify(await add({ password: "wrong" }))).toContain("PKCS#12");
    expect(JSON.stringify(await add({ data: "AAAA" }))).toContain("PKCS#12");
    expect(JSON.stringify(await add({ certificateFormat: "cer" }))).toContain("password");
    expect(await add({ data: "A".repeat(13_660) })).toMatchObject({ code: "InvalidPropertyValue" });
    expect(JSON.stringify(await add({ certificateFormat: "cer", password: undefined }))).toContain("X.509");
    expect(await add({ thumbprintAlgorithm: "md5" })).toMatchObject({ code: "InvalidPropertyValue" });
    expect(await client.certificate.list()).toHaveLength(0);
  });

  test("is added once, by its public part or with its key, and read without its secrets", async () => {
    const data = { ...aPfx, data: cer, certificateFormat: "cer", password: undefined } as const;
    await client.certificate.add({ ...data, thumbprint: thumbprint.toUpperCase() });
    expect(await refusal(client.certificate.add(aPfx))).toMatchObject({ status: 409, code: "CertificateExists" });
    const certificate = await client.certificate.get("sha1", thumbprint);
    expect(certificate).toMatchObject({ thumbprint, thumbprintAlgorithm: "sha1", state: "active", publicData: cer });
    expect(certificate.url).toBe(`${service.url}/certificates(thumbprintAlgorithm=sha1,thumbprint=${thumbprint})`);
    expect(JSON.stringify(certificate)).not.toContain("secret");
    const options = (filter: string) => ({ certificateListOptions: { filter } });
    expect(await client.certificate.list(options("state eq 'active'"))).toHaveLength(1);
    expect(await client.certificate.list(options("state eq 'deletefailed'"))).toHaveLength(0);
  });

  test.each([
    ["RC2", weak.rc2],
    ["AES", weak.aes],
  ])("with a short key and an old signature is taken, encrypted with %s", async (_, given) => {
    const { thumbprint } = weak;
    const add = (password: string) => client.certificate.add({ ...aPfx, thumbprint, data: given, password });
    expect(await refusal(add("wrong"))).toMatchObject({ status: 400, code: "InvalidPropertyValue" });
    await add("password");
    expect(await client.certificate.get("sha1", thumbprint)).toMatchObject({ thumbprint, state: "active" });
    await client.certificate.deleteMethod("sha1", thumbprint);
  });

  test("that nothing uses is deleted at once, and may be added again", async () => {
    await client.certificate.deleteMethod("sha1", thumbprint);
    expect(await refusal(client.certificate.get("sha1", thumbprint))).toMatchObject({ code: "CertificateNotFound" });
    await client.certificate.add(aPfx);
    expect((await client.certificate.get("sha1", thumbprint)).publicData).toBe(cer);
  });

  test("that a pool uses is not deleted, says why, and can be made active again", async () => {
    const reference = { thumbprint, thumbprintAlgorithm: "sha1" };
    await client.pool.add(aPool("user", { targetDedicatedNodes: 0, certificateReferences: [reference] }));
    const cancel = () => refusal(client.certificate.cancelDeletion("sha1", thumbprint));
    expect(await cancel()).toMatchObject({ status: 409, code: "CertificateStateActive" });
    await client.certificate.deleteMethod("sha1", thumbprint);
    expect(await client.certificate.get("sha1", thumbprint)).toMatchObject({
      state: "deletefailed",
      previousState: "active",
      deleteCertificateError: { code: "CertificatesInUse", values: [{ name: "PoolId", value: "user" }] },
    });
    expect(await cancel()).toBeUndefined();
    const certificate = await client.certificate.get("sha1", thumbprint);
    expect([certificate.state, certificate.deleteCertificateError]).toEqual(["active", undefined]);
  });

  test.each([
    ["get", () => client.certificate.get("sha1", unknown)],
    ["delete", () => client.certificate.deleteMethod("sha1", unknown)],
    ["cancel deletion", () => client.certificate.cancelDeletion("sha1", unknown)],
  ] as const)("%s of one that does not exist answers CertificateNotFound", async (_, request) => {
    expect(await refusal(request())).toMatchObject({ status: 404, code: "CertificateNotFound" });
  });

  test("that does not exist cannot be referred to by a pool, new or changed", async () => {
    const certificateReferences = [{ thumbprint: unknown, thumbprintAlgorithm: "sha1" }];
    const refused = { status: 400, code: "InvalidCertificateReferences" };
    expect(await refusal(client.pool.add(aPool("other", { certificateReferences })))).toMatchObject(refused);
    expect(await refusal(client.pool.patch("user", { certificateReferences }))).toMatchObject(refused);
    const properties = { certificateReferences, applicationPackageReferences: [], metadata: [] };
    expect(await refusal(client.pool.updateProperties("user", properties))).toMatchObject(refused);
  });

  test("lies in the directory of every task of a pool that refers to it", async () => {
    const certificateReferences = [{ thumbprint, thumbprintAlgorithm: "sha1", visibility: ["task"] as "task"[] }];
    await client.pool.add(aPool("pool", { certificateReferences }));
    await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
    const script = "cd $AZ_BATCH_CERTIFICATES_DIR && sha1sum < sha1-$0.pfx && cat sha1-$0.pfx.pw";
    await client.task.add("job", { id: "task", commandLine: `/bin/sh -c '${script}' ${thumbprint}` });
    const task = await until(
      () => client.task.get("job", "task"),
      ({ state }) => state === "completed",
    );
    expect(task.executionInfo?.exitCode).toBe(0);
  });
});
