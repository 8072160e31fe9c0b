export * from "./agent.ts";
export { BatchError, type ErrorCode, type ErrorValues, errorCodes, invalidProperty } from "./errors.ts";
export { type BodyOf, type Operation, operation, type ResponseOf } from "./operation.ts";
export { type ApiVersion, apiVersions, isApiVersion, isKnownIn, type Lifespan } from "./versions.ts";
