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
