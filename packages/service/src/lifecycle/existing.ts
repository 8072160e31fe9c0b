import { BatchError, ManagementError } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Application, ApplicationPackage } from "../domain/account/application.ts";
import { type Certificate, normalizeThumbprint } from "../domain/account/certificate.ts";
import type { Job } from "../domain/job/job.ts";
import type { JobSchedule } from "../domain/job-schedule/job-schedule.ts";
import type { Node } from "../domain/node/node.ts";
import type { Pool } from "../domain/pool/pool.ts";
import type { Task } from "../domain/task/task.ts";
import type { Webhook } from "../domain/webhook/webhook.ts";
import { lockAccount } from "../store/accounts.ts";
import { lockApplication, readApplication, readPackage } from "../store/applications.ts";
import { lockCertificate, readCertificate } from "../store/certificates.ts";
import type { Sql } from "../store/database.ts";
import { lockJobSchedule, readJobSchedule } from "../store/job-schedules.ts";
import { lockJob, readJob } from "../store/jobs.ts";
import { lockNodes, readNode } from "../store/nodes.ts";
import { lockPool, type PoolWithNodes, readPool } from "../store/pools.ts";
import { lockTask, lockTasksOnNodes, readTask } from "../store/tasks.ts";
import { lockWebhook, readWebhook, type WebhookWithLetters } from "../store/webhooks.ts";

/** Names of resources as the paths of the data plane have them. */
export interface PoolIds {
  readonly poolId: string;
}
export interface NodeIds extends PoolIds {
  readonly nodeId: string;
}
export interface JobIds {
  readonly jobId: string;
}
export interface TaskIds extends JobIds {
  readonly taskId: string;
}
export interface JobScheduleIds {
  readonly jobScheduleId: string;
}
export interface CertificateIds {
  readonly thumbprintAlgorithm: string;
  readonly thumbprint: string;
}
export interface WebhookIds {
  readonly webhookId: string;
}

/** @throws BatchError PoolNotFound */
export async function readExistingPool(sql: Sql, account: Account, { poolId }: PoolIds): Promise<PoolWithNodes> {
  return found(await readPool(sql, account, poolId), "PoolNotFound");
}

/** @throws BatchError PoolNotFound */
export async function lockExistingPool(sql: Sql, account: Account, { poolId }: PoolIds): Promise<Pool> {
  return found(await lockPool(sql, account, poolId), "PoolNotFound");
}

/** @throws BatchError PoolNotFound, NodeNotFound */
export async function readExistingNode(
  sql: Sql,
  account: Account,
  ids: NodeIds,
): Promise<{ readonly pool: Pool; readonly node: Node }> {
  const pool = await readExistingPool(sql, account, ids);
  return { pool, node: found(await readNode(sql, pool, ids.nodeId), "NodeNotFound") };
}

/** A node with the tasks that are on it, all locked; undefined when there is no such node. */
export async function lockNodeWithTasks(
  sql: Sql,
  nodePk: number,
): Promise<{ readonly node: Node; readonly tasks: readonly Task[] } | undefined> {
  await lockTasksOnNodes(sql, [nodePk]);
  const [node] = await lockNodes(sql, [nodePk]);
  // What was placed while the first tasks were being locked; whoever places tasks holds the node.
  return node && { node, tasks: await lockTasksOnNodes(sql, [nodePk]) };
}

/** @throws BatchError NodeNotFound */
export async function lockExistingNodeWithTasks(
  sql: Sql,
  nodePk: number,
): Promise<{ readonly node: Node; readonly tasks: readonly Task[] }> {
  return found(await lockNodeWithTasks(sql, nodePk), "NodeNotFound");
}

/** @throws BatchError JobNotFound */
export async function readExistingJob(sql: Sql, account: Account, { jobId }: JobIds): Promise<Job> {
  return found(await readJob(sql, account, jobId), "JobNotFound");
}

/** @throws BatchError JobNotFound */
export async function lockExistingJob(sql: Sql, account: Account, { jobId }: JobIds): Promise<Job> {
  return found(await lockJob(sql, account, jobId), "JobNotFound");
}

/** @throws BatchError JobNotFound, TaskNotFound */
export async function readExistingTask(
  sql: Sql,
  account: Account,
  ids: TaskIds,
): Promise<{ readonly job: Job; readonly task: Task }> {
  const job = await readExistingJob(sql, account, ids);
  return { job, task: found(await readTask(sql, job, ids.taskId), "TaskNotFound") };
}

/** Only the task is locked. @throws BatchError JobNotFound, TaskNotFound */
export async function lockExistingTask(
  sql: Sql,
  account: Account,
  ids: TaskIds,
): Promise<{ readonly job: Job; readonly task: Task }> {
  const job = await readExistingJob(sql, account, ids);
  return { job, task: found(await lockTask(sql, job, ids.taskId), "TaskNotFound") };
}

/** @throws BatchError JobScheduleNotFound */
export async function readExistingJobSchedule(sql: Sql, account: Account, ids: JobScheduleIds): Promise<JobSchedule> {
  return found(await readJobSchedule(sql, account, ids.jobScheduleId), "JobScheduleNotFound");
}

/** @throws BatchError JobScheduleNotFound */
export async function lockExistingJobSchedule(sql: Sql, account: Account, ids: JobScheduleIds): Promise<JobSchedule> {
  return found(await lockJobSchedule(sql, account, ids.jobScheduleId), "JobScheduleNotFound");
}

/** @throws BatchError WebhookNotFound */
export async function readExistingWebhook(
  sql: Sql,
  account: Account,
  { webhookId }: WebhookIds,
): Promise<WebhookWithLetters> {
  return found(await readWebhook(sql, account, webhookId), "WebhookNotFound");
}

/** @throws BatchError WebhookNotFound */
export async function lockExistingWebhook(sql: Sql, account: Account, { webhookId }: WebhookIds): Promise<Webhook> {
  return found(await lockWebhook(sql, account, webhookId), "WebhookNotFound");
}

/** @throws BatchError CertificateNotFound */
export async function readExistingCertificate(sql: Sql, account: Account, ids: CertificateIds): Promise<Certificate> {
  const thumbprint = sha1Of(ids);
  return found(thumbprint && (await readCertificate(sql, account, thumbprint)), "CertificateNotFound");
}

/** @throws BatchError CertificateNotFound */
export async function lockExistingCertificate(sql: Sql, account: Account, ids: CertificateIds): Promise<Certificate> {
  const thumbprint = sha1Of(ids);
  return found(thumbprint && (await lockCertificate(sql, account, thumbprint)), "CertificateNotFound");
}

/** @throws ManagementError ResourceNotFound */
export async function lockExistingAccount(sql: Sql, name: string): Promise<Account> {
  return managed(await lockAccount(sql, name), "ResourceNotFound");
}

/** @throws ManagementError ApplicationNotFound */
export async function readExistingApplication(sql: Sql, account: Account, id: string): Promise<Application> {
  return managed(await readApplication(sql, account, id), "ApplicationNotFound");
}

/** @throws ManagementError ApplicationNotFound */
export async function lockExistingApplication(sql: Sql, account: Account, id: string): Promise<Application> {
  return managed(await lockApplication(sql, account, id), "ApplicationNotFound");
}

/** @throws ManagementError ApplicationPackageNotFound */
export async function readExistingPackage(
  sql: Sql,
  application: Application,
  version: string,
): Promise<ApplicationPackage> {
  return managed(await readPackage(sql, application, version), "ApplicationPackageNotFound");
}

/** Certificates are known by their SHA-1 thumbprint; there is none of any other algorithm. */
function sha1Of({ thumbprintAlgorithm, thumbprint }: CertificateIds): string | undefined {
  return thumbprintAlgorithm.toLowerCase() === "sha1" ? normalizeThumbprint(thumbprint) : undefined;
}

type NotFound = `${"Pool" | "Node" | "Job" | "Task" | "JobSchedule" | "Certificate" | "Webhook"}NotFound`;

function found<T extends object>(value: T | "" | undefined, code: NotFound): T {
  if (!value) throw new BatchError(code);
  return value;
}

/** The same on the management plane. */
function managed<T extends object>(value: T | undefined, code: ManagedNotFound): T {
  if (!value) throw new ManagementError(code);
  return value;
}

type ManagedNotFound = `${"Resource" | "Application" | "ApplicationPackage"}NotFound`;
