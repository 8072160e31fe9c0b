import { randomUUID } from "node:crypto";
import {
  BatchError,
  type ComputeNodeUser,
  invalidProperty,
  type NodeAccount,
  type NodeImages,
  type NodeMount,
  type NodeUpdateUserParameter,
} from "@kyanite/contract";
import type { Node } from "../domain/node/node.ts";
import { authorizedKey } from "../domain/node/ssh-key.ts";
import { type MountSource, mountsOf } from "../domain/pool/mounts.ts";
import { accountsOf, checkUserName } from "../domain/pool/user-accounts.ts";
import { nodeImages } from "../domain/run/containers.ts";
import { after } from "../domain/time.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import {
  deleteExpiredUsers,
  deleteNodeUser,
  insertNodeUser,
  readNodeUsers,
  updateNodeUser,
} from "../store/node-users.ts";
import { lockNodes, readNodeByPk, saveNode } from "../store/nodes.ts";
import { notifyOrders } from "../store/notices.ts";
import { readPoolByPk } from "../store/pools.ts";
import { checkNodeAction } from "./node-actions.ts";
import { hashPassword } from "./password-hash.ts";

const daySeconds = 24 * 3600;

/** Adds a person's account to a node; its agent makes it within moments. */
export async function addNodeUser(sql: Sql, nodePk: number, body: ComputeNodeUser, now: Date): Promise<void> {
  const node = await lockNodeForUsers(sql, nodePk);
  checkUserName(body.name, "name");
  const user = { name: body.name, isAdmin: body.isAdmin ?? false, ...credentials(body, now) };
  const pool = await readPoolByPk(sql, node.poolPk);
  const isTaken = pool?.spec.userAccounts?.some(({ name }) => name === body.name);
  if (isTaken || !(await insertNodeUser(sql, nodePk, user))) throw new BatchError("NodeUserExists");
  await changeAccounts(sql, node);
}

/** Replaces password, key and expiry of an account together. */
export async function updateUser(
  sql: Sql,
  nodePk: number,
  { name, body, now }: { readonly name: string; readonly body: NodeUpdateUserParameter; readonly now: Date },
): Promise<void> {
  const node = await lockNodeForUsers(sql, nodePk);
  if (!(await updateNodeUser(sql, nodePk, { name, ...credentials(body, now) })))
    throw new BatchError("NodeUserNotFound");
  await changeAccounts(sql, node);
}

export async function deleteUser(sql: Sql, nodePk: number, name: string): Promise<void> {
  const node = await lockNodeForUsers(sql, nodePk);
  if (!(await deleteNodeUser(sql, nodePk, name))) throw new BatchError("NodeUserNotFound");
  await changeAccounts(sql, node);
}

/** Takes away accounts whose time is over. */
export async function expireUsers(database: Database, now: Date): Promise<void> {
  await transaction(database, async (sql) => {
    for (const node of await lockNodes(sql, await deleteExpiredUsers(sql, now))) await changeAccounts(sql, node);
  });
}

/** The accounts, mounts and images that a node should have now; undefined when the node is gone. */
export async function readSetUp(
  sql: Sql,
  nodePk: number,
  mountSources: readonly MountSource[],
): Promise<{ accounts: NodeAccount[]; mounts: NodeMount[]; images?: NodeImages } | undefined> {
  const node = await readNodeByPk(sql, nodePk);
  const pool = node && (await readPoolByPk(sql, node.poolPk));
  const images = nodeImages(pool?.spec.virtualMachineConfiguration?.containerConfiguration);
  return (
    pool && {
      accounts: accountsOf(pool.spec, await readNodeUsers(sql, nodePk)),
      mounts: mountsOf(pool.spec.mountConfiguration, mountSources),
      ...(images ? { images } : {}),
    }
  );
}

async function lockNodeForUsers(sql: Sql, nodePk: number): Promise<Node> {
  const [node] = await lockNodes(sql, [nodePk]);
  if (!node) throw new BatchError("NodeNotFound");
  checkNodeAction("changeUsers", node);
  if (node.managesUsers) return node;
  throw new BatchError("OperationNotValidOnNode", {
    Reason: "The agent of this compute node may not make accounts: it does not run as root",
  });
}

async function changeAccounts(sql: Sql, node: Node): Promise<void> {
  await saveNode(sql, { ...node, setupId: randomUUID() });
  await notifyOrders(sql, [node.pk]);
}

function credentials({ password, sshPublicKey, expiryTime }: NodeUpdateUserParameter, now: Date) {
  if (!password && !sshPublicKey)
    throw invalidProperty("password", undefined, "Give a password, an SSH public key, or both");
  const expiry = expiryTime === undefined ? after(now, daySeconds) : new Date(expiryTime);
  if (expiry <= now) throw invalidProperty("expiryTime", expiryTime, "Must be in the future");
  return {
    passwordHash: password ? hashPassword(password) : null,
    sshPublicKey: sshPublicKey ? authorizedKey(sshPublicKey, "sshPublicKey") : null,
    expiryTime: expiry,
  };
}
