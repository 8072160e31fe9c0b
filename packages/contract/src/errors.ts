/** Error codes of the data plane: the HTTP status each is sent with, and the first line of its message. */
export const errorCodes = {
  AccountIsDisabled: [403, "The specified account is disabled."],
  ActiveJobAndScheduleQuotaReached: [
    409,
    "The quota of active jobs and job schedules of the account has been reached.",
  ],
  ApplicationNotFound: [404, "The specified application does not exist."],
  AuthenticationFailed: [
    403,
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
  ],
  AutoScalingFormulaSyntaxError: [400, "The autoscale formula has a syntax error."],
  AutoScalingFormulaTooLong: [400, "The autoscale formula is longer than 8192 characters."],
  CertificateBeingDeleted: [409, "The specified certificate is being deleted."],
  CertificateExists: [409, "The specified certificate already exists."],
  CertificateNotFound: [404, "The specified certificate does not exist."],
  CertificateStateActive: [409, "The specified certificate is in the active state."],
  CertificateStateDeleteFailed: [409, "The deletion of the specified certificate has failed."],
  ConditionNotMet: [412, "The condition specified using HTTP conditional header(s) is not met."],
  DeadLetterNotFound: [404, "The specified dead letter does not exist."],
  EmptyMetadataKey: [400, "The name of a metadata item is empty."],
  EventCursorTooOld: [410, "Events after the specified cursor are no longer kept."],
  FileNotFound: [404, "The specified file does not exist."],
  InsufficientAccountPermissions: [403, "The credential does not permit this operation."],
  InternalError: [500, "Server encountered an internal error. Please try again after some time."],
  InvalidApplicationPackageReferences: [409, "One or more application package references are not valid."],
  InvalidAuthenticationInfo: [400, "The authentication information is not in the correct format."],
  InvalidAutoScalingSettings: [400, "The autoscale settings are not valid."],
  InvalidCertificateReferences: [400, "One or more certificate references are not valid."],
  InvalidConstraintValue: [400, "The value of one of the constraints is not valid."],
  InvalidHeaderValue: [400, "The value provided for one of the HTTP headers is not in the correct format."],
  InvalidInput: [400, "One of the request inputs is not valid."],
  InvalidPropertyValue: [400, "The value provided for one of the properties in the request body is invalid."],
  InvalidQueryParameterValue: [400, "Value for one of the query parameters specified in the request URI is invalid."],
  InvalidRange: [416, "The range specified is invalid for the current size of the file."],
  InvalidRequestBody: [400, "The specified request body is not syntactically valid."],
  InvalidUri: [400, "The requested URI does not represent any resource on the server."],
  IOError: [403, "The file could not be read or written on the compute node."],
  JobBeingDeleted: [409, "The specified job is being deleted."],
  JobBeingTerminated: [409, "The specified job is being terminated."],
  JobCompleted: [409, "The specified job is already in a completed state."],
  JobDisabled: [409, "The specified job is disabled."],
  JobExists: [409, "The specified job already exists."],
  JobNotActive: [409, "The specified job is not in the active state."],
  JobNotFound: [404, "The specified job does not exist."],
  JobPreparationTaskNotRunOnNode: [404, "The job preparation task was not run on the specified compute node."],
  JobPreparationTaskOrReleaseTaskNotSpecified: [
    409,
    "The specified job has neither a job preparation task nor a job release task.",
  ],
  JobReleaseTaskNotRunOnNode: [404, "The job release task was not run on the specified compute node."],
  JobReleaseTaskNotSpecified: [409, "The specified job has no job release task."],
  JobScheduleBeingDeleted: [409, "The specified job schedule is being deleted."],
  JobScheduleBeingTerminated: [409, "The specified job schedule is being terminated."],
  JobScheduleCompleted: [409, "The specified job schedule is already in a completed state."],
  JobScheduleDisabled: [409, "The specified job schedule is disabled."],
  JobScheduleExists: [409, "The specified job schedule already exists."],
  JobScheduleNotFound: [404, "The specified job schedule does not exist."],
  JobScheduleWithSameIdExists: [409, "A job schedule with the same id as the specified job already exists."],
  JobWithSameIdExists: [409, "A job with the same id as the specified job schedule already exists."],
  MetadataTooLarge: [400, "The metadata is too large."],
  MissingContentLengthHeader: [411, "The Content-Length header was not specified."],
  MissingRequiredHeader: [400, "An HTTP header that is mandatory for this request is not specified."],
  MissingRequiredProperty: [400, "A required property was not specified in the request body."],
  MissingRequiredQueryParameter: [400, "A query parameter that's mandatory for this request is not specified."],
  MultipleConditionHeadersNotSupported: [400, "This combination of conditional headers is not supported."],
  NodeAgentSKUNotFound: [404, "The specified node agent SKU does not exist."],
  NodeAlreadyInTargetSchedulingState: [409, "The specified compute node is already in the target scheduling state."],
  NodeBeingCreated: [409, "The specified compute node is being created."],
  NodeBeingRebooted: [409, "The specified compute node is being rebooted."],
  NodeBeingReimaged: [409, "The specified compute node is being reimaged."],
  NodeBeingStarted: [409, "The specified compute node is being started."],
  NodeNotFound: [404, "The specified compute node does not exist."],
  NodeStateUnusable: [409, "The specified compute node is unusable."],
  NodeUserExists: [409, "The specified user already exists on the compute node."],
  NodeUserNotFound: [404, "The specified user does not exist on the compute node."],
  NotImplemented: [501, "The requested operation is not implemented by this server."],
  OperationInvalidForCurrentState: [409, "The operation is not valid for the current state of the resource."],
  OperationNotValidOnNode: [409, "The operation is not valid on the specified compute node."],
  OperationNotValidOnPool: [409, "The operation is not valid on the specified pool."],
  OperationTimedOut: [500, "The operation could not be completed within the permitted time."],
  OutOfRangeInput: [400, "One of the request inputs is out of range."],
  OutOfRangePriority: [400, "The priority is out of range."],
  OutOfRangeQueryParameterValue: [
    400,
    "A query parameter specified in the request URI is outside the permissible range.",
  ],
  PoolBeingCreated: [409, "The specified pool is being created."],
  PoolBeingDeleted: [409, "The specified pool is being deleted."],
  PoolBeingResized: [409, "The specified pool is being resized."],
  PoolExists: [409, "The specified pool already exists."],
  PoolNotFound: [404, "The specified pool does not exist."],
  PoolQuotaReached: [409, "The quota of pools of the account has been reached."],
  RequestBodyTooLarge: [413, "The size of the request body exceeds the maximum size permitted."],
  RequestUrlFailedToParse: [400, "The url in the request could not be parsed."],
  ResourceNotFound: [404, "The specified resource does not exist."],
  ServerBusy: [503, "The server is busy. Please retry after some time."],
  StorageAccountNotFound: [404, "No storage account is linked to the account."],
  TaskCompleted: [409, "The specified task is already in a completed state."],
  TaskDependencyListTooLong: [400, "The task ids that the task depends on are together longer than 64000 characters."],
  TaskDependencyRangesTooLong: [400, "The task id ranges that the task depends on are too long."],
  TaskExists: [409, "The specified task already exists."],
  TaskFilesCleanedup: [409, "The files of the specified task are no longer on the compute node."],
  TaskFilesUnavailable: [409, "The files of the specified task are not available."],
  TaskIdSameAsJobPreparationTask: [409, "The task has the id of the job preparation task of its job."],
  TaskIdSameAsJobReleaseTask: [409, "The task has the id of the job release task of its job."],
  TaskNotCompleted: [409, "The specified task is not in a completed state."],
  TaskNotFound: [404, "The specified task does not exist."],
  TaskSucceeded: [409, "The specified task has succeeded."],
  TooManyEnableAutoScaleRequests: [503, "Autoscale of the pool was enabled less than 30 seconds ago."],
  TooManyRequests: [429, "Too many requests. Please retry after some time."],
  UnsupportedConstraint: [400, "The constraint is not supported."],
  UnsupportedHeader: [400, "An HTTP header is not supported for this request."],
  UnsupportedHttpVerb: [405, "The resource doesn't support the specified HTTP verb."],
  UnsupportedProperty: [400, "One of the properties specified in the request body is not supported."],
  UnsupportedQueryParameter: [400, "One of the query parameters specified in the request URI is not supported."],
  UnsupportedRequestVersion: [400, "The value of the api-version query parameter is not supported."],
  WebhookExists: [409, "The specified webhook already exists."],
  WebhookNotFound: [404, "The specified webhook does not exist."],
  WebhookQuotaReached: [409, "The account has as many webhooks as it may have."],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>;

export type ErrorCode = keyof typeof errorCodes;

/** Facts about an error: which property, header or parameter, its value, and the rule it breaks. */
export type ErrorValues = Readonly<Record<string, string>>;

/**
 * What a client can cause. Thrown from anywhere; the HTTP server alone turns it into a status and a body.
 * The keys the service uses in `values` are `OldestCursor`, `PropertyName`, `PropertyValue`, `QueryParameterName`,
 * `QueryParameterValue`, `HeaderName`, `HeaderValue`, `AuthenticationErrorDetail` and `Reason`.
 */
export class BatchError extends Error {
  readonly code: ErrorCode;
  readonly values: ErrorValues;

  constructor(code: ErrorCode, values: ErrorValues = {}, options?: ErrorOptions) {
    super(errorCodes[code][1], options);
    this.name = "BatchError";
    this.code = code;
    this.values = values;
  }

  get status(): number {
    return errorCodes[this.code][0];
  }
}

/** The 400 for a property whose value breaks a rule. */
export function invalidProperty(name: string, value: unknown, reason: string): BatchError {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return new BatchError("InvalidPropertyValue", {
    PropertyName: name,
    ...(text === undefined ? {} : { PropertyValue: text.slice(0, 256) }),
    Reason: reason,
  });
}
