/** What only the management plane answers with; codes of the data plane travel in the same body. */
const managementErrors = {
  AccountAlreadyExists: [409, "An account of this name exists already."],
  AccountBeingDeleted: [409, "The account is being deleted."],
  ApplicationHasPackages: [409, "The application still has packages; delete them first."],
  ApplicationNotFound: [404, "The specified application does not exist."],
  ApplicationPackageNotFound: [404, "The specified application package does not exist."],
  ApplicationPackageUpdatesNotAllowed: [409, "The application does not allow that its packages are changed."],
  ApplicationPackageBlobNotFound: [409, "Nothing has been uploaded to the package's storage URL yet."],
  ApplicationQuotaReached: [409, "The account has as many applications as it may have."],
  ApplicationPackageQuotaReached: [409, "The application has as many packages as it may have."],
  AuthenticationFailed: [401, "Authentication failed."],
  AuthorizationFailed: [403, "The caller is not permitted to do this."],
  AutoStorageNotConfigured: [409, "The account has no linked storage account."],
  InternalServerError: [500, "The server encountered an internal error. Please retry the request."],
  InvalidApiVersionParameter: [400, "The api-version is not supported."],
  InvalidContentType: [415, "The content type must be application/json."],
  InvalidResourceNamespace: [404, "The resource provider is not part of this server."],
  InvalidRequestBody: [400, "The request body is not valid."],
  MissingApiVersionParameter: [400, "The api-version query parameter is required for all requests."],
  NotFound: [404, "The specified resource does not exist."],
  OperationNotSupported: [400, "The operation is not supported by this server."],
  ResourceGroupNotFound: [404, "The resource group does not exist, or holds no account that the caller may see."],
  ResourceNotFound: [404, "The specified resource was not found."],
  ServerBusy: [503, "The server is busy. Please retry after some time."],
  SharedKeyNotAllowed: [409, "Shared keys are not among the authentication modes that the account allows."],
  StorageAccountNotFound: [400, "The storage account is not known to this server."],
  SubscriptionNotFound: [404, "The subscription does not exist, or holds no account that the caller may see."],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>;

export type ManagementErrorCode = keyof typeof managementErrors;

/** What a client of the management plane can cause. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";
  readonly code: ManagementErrorCode;
  /** Property or parameter that is at fault. */
  readonly target: string | undefined;

  /** @param detail a sentence that follows the code's own message */
  constructor(code: ManagementErrorCode, detail?: string, target?: string) {
    super([managementErrors[code][1], detail].filter((part) => part !== undefined).join(" "));
    this.code = code;
    this.target = target;
  }

  get status(): number {
    return managementErrors[this.code][0];
  }
}
