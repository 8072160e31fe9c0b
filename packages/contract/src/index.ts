export * from "./accounts.ts";
export * from "./actions.ts";
export * from "./agent/kept-files.ts";
export * from "./agent/messages.ts";
export * from "./agent/node-requests.ts";
export * from "./agent/run-end.ts";
export * from "./agent/run-order.ts";
export * from "./applications.ts";
export type { AuditEntry, CredentialKind } from "./audit.ts";
export * from "./autoscale.ts";
export type { ArgumentsOf, ByteRange, EntityConditions, PathParameter, QueryOf } from "./calls.ts";
export * from "./certificates.ts";
export { checkDocument } from "./check-document.ts";
export * from "./containers.ts";
export { isDateTime } from "./date-time.ts";
export * from "./disks.ts";
export { formatDuration, parseDuration, unlimitedDuration } from "./duration.ts";
export {
  BatchError,
  type ErrorCode,
  type ErrorValues,
  errorCodes,
  invalidProperty,
} from "./errors.ts";
export * from "./events.ts";
export * from "./exit-conditions.ts";
export * from "./explanations.ts";
export * from "./files.ts";
export * from "./images.ts";
export * from "./job-models.ts";
export * from "./job-schedules.ts";
export * from "./job-settings.ts";
export * from "./jobs.ts";
export * from "./kept-logs.ts";
export * from "./machine-security.ts";
export type {
  AuthenticationMode,
  BatchAccount,
  BatchAccountCreateParameters,
  BatchAccountUpdateParameters,
} from "./management/accounts.ts";
export type { Application, ApplicationPackage } from "./management/applications.ts";
export type { ManagedCertificate } from "./management/certificates.ts";
export { fromManagement, toManagement } from "./management/dialect.ts";
export { ManagementError, type ManagementErrorCode } from "./management/errors.ts";
export type { SupportedSku } from "./management/locations.ts";
export type { OutboundEnvironmentEndpoint } from "./management/network.ts";
export type { ManagementOperation } from "./management/operation.ts";
export { managementOperations } from "./management/operations.ts";
export type { ManagedPool, ScaleSettings } from "./management/pools.ts";
export { type ManagementVersion, managementVersions, pairedVersion } from "./management/versions.ts";
export * from "./mounts.ts";
export * from "./network.ts";
export * from "./node-models.ts";
export * from "./node-options.ts";
export * from "./nodes.ts";
export { openApiDocument } from "./openapi.ts";
export * from "./operation.ts";
export * from "./operations.ts";
export * from "./past-runs.ts";
export * from "./pool-models.ts";
export * from "./pool-settings.ts";
export * from "./pools.ts";
export type { JobProgress } from "./progress.ts";
export { type CollectionElement, type CollectionForm, readCollection } from "./read-collection.ts";
export { readDocument } from "./read-document.ts";
export { ErrorCategory, TaskContainerExecutionInformation, TaskFailureInformation } from "./run-outcome.ts";
export * from "./run-steps.ts";
export { FreeObject, type Keywords, MetadataItem, NameValuePair, type SchemaNode } from "./schema.ts";
export * from "./series.ts";
export * from "./shared-key.ts";
export * from "./staged-files.ts";
export * from "./start-task.ts";
export * from "./states.ts";
export * from "./statistics.ts";
export * from "./task-execution.ts";
export * from "./task-models.ts";
export {
  AccessScope,
  ApplicationPackageReference,
  AuthenticationTokenSettings,
  EnvironmentSetting,
  TaskConstraints,
} from "./task-settings.ts";
export type { TaskUsage } from "./task-usage.ts";
export * from "./tasks.ts";
export * from "./upgrade-policy.ts";
export * from "./usage.ts";
export * from "./users.ts";
export * from "./versions.ts";
export * from "./virtual-machine.ts";
export type {
  AddedWebhook,
  DeadLetter,
  Webhook,
  WebhookAddParameter,
  WebhookFilter,
  WebhookPatchParameter,
  WebhookTestResult,
} from "./webhooks.ts";
export { nameIn, writeDocument } from "./write-document.ts";
