import type {
  NodeImages,
  NodeLimits,
  OrderedContainer,
  OrderedKeeping,
  OrderedRegistry,
  ServiceOrder,
} from "@kyanite/contract";

/** What the service tells one node; what is no order is undefined. */
export interface NodeOrders {
  readonly nodeId: string;
  readonly orders: readonly (ServiceOrder | undefined)[];
}

/**
 * Reads one message of the service. Written against the contract's types rather than its
 * schemas: the schema library would be a third of the agent's memory. The compiler sees to it that no property is left
 * out; a test compares with the schemas.
 */
export function readOrders(text: string): readonly NodeOrders[] {
  try {
    const values: unknown = JSON.parse(text);
    return Array.isArray(values) ? values.map(ordersOf) : [nothing];
  } catch {
    return [nothing];
  }
}

const nothing: NodeOrders = { nodeId: "", orders: [undefined] };

function ordersOf(value: unknown): NodeOrders {
  if (!isRecord(value) || !isText(value.nodeId) || !Array.isArray(value.orders)) return nothing;
  return { nodeId: value.nodeId, orders: value.orders.map((order) => (isOrder(order) ? order : undefined)) };
}

type Guard<Value> = (value: unknown) => value is Value;
type Guards<Shape> = { readonly [Name in keyof Required<Shape>]: Guard<Shape[Name]> };

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isInteger = (value: unknown): value is number => Number.isInteger(value);
const isInstant = (value: unknown): value is string =>
  isText(value) && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value));
const isYesNo = (value: unknown): value is boolean => typeof value === "boolean";
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const isUuid = (value: unknown): value is string => isText(value) && uuid.test(value);
/** Of a file in a directory of its own: nothing that leads elsewhere. */
const isFileName = (value: unknown): value is string => isText(value) && /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(value);

const isWord = (value: unknown): value is string => isText(value) && /^[A-Za-z0-9]{1,64}$/.test(value);

const optional =
  <Value>(guard: Guard<Value>): Guard<Value | undefined> =>
  (value): value is Value | undefined =>
    value === undefined || guard(value);

const oneOf =
  <const Value>(...values: readonly Value[]): Guard<Value> =>
  (value): value is Value =>
    values.some((each) => each === value);

const listOf =
  <Value>(guard: Guard<Value>): Guard<Value[]> =>
  (value): value is Value[] =>
    Array.isArray(value) && value.every(guard);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): value is Record<string, string> =>
  isRecord(value) && Object.values(value).every(isText);

function shape<Shape>(guards: Guards<Shape>): Guard<Shape> {
  const entries = Object.entries<Guard<unknown>>(guards);
  return (value): value is Shape => isRecord(value) && entries.every(([name, guard]) => guard(value[name]));
}

const either =
  <First, Second>(first: Guard<First>, second: Guard<Second>): Guard<First | Second> =>
  (value): value is First | Second =>
    first(value) || second(value);

type Order<Type extends ServiceOrder["type"]> = Extract<ServiceOrder, { type: Type }>;
type RunOrder = Order<"run">["order"];
type Download = RunOrder["downloads"][number];
type User = RunOrder["user"];
type Request = Order<"files">["request"];

const isDownload = either(
  shape<Extract<Download, { kind: "url" }>>({
    kind: oneOf("url"),
    url: isText,
    filePath: isText,
    fileMode: optional(isText),
  }),
  shape<Extract<Download, { kind: "container" }>>({
    kind: oneOf("container"),
    url: isText,
    blobPrefix: optional(isText),
    directory: optional(isText),
    fileMode: optional(isText),
  }),
);

const isUpload = shape<RunOrder["uploads"][number]>({
  filePattern: isText,
  containerUrl: isText,
  path: optional(isText),
  uploadHeaders: optional(listOf(shape<{ name: string; value?: string }>({ name: isText, value: optional(isText) }))),
  uploadCondition: oneOf("tasksuccess", "taskfailure", "taskcompletion"),
});

const isPackage = shape<RunOrder["packages"][number]>({
  applicationId: isText,
  version: isText,
  isDefaultVersion: isYesNo,
  contentId: isWord,
  url: isText,
});

const isCertificate = shape<NonNullable<RunOrder["certificates"]>[number]>({
  fileName: isFileName,
  data: isText,
  password: optional(isText),
});

const isUser = either(
  shape<Extract<User, { kind: "auto" }>>({
    kind: oneOf("auto"),
    scope: oneOf("pool", "task"),
    elevationLevel: oneOf("nonadmin", "admin"),
  }),
  shape<Extract<User, { kind: "named" }>>({ kind: oneOf("named"), name: isText }),
);

const isRegistry = shape<OrderedRegistry>({
  server: optional(isText),
  username: optional(isText),
  password: optional(isText),
});

const isContainer = shape<OrderedContainer>({
  imageName: isText,
  runOptions: isText,
  workingDirectory: oneOf("taskWorkingDirectory", "containerImageDefault"),
  registries: listOf(isRegistry),
  mounts: optional(
    listOf(
      shape<NonNullable<OrderedContainer["mounts"]>[number]>({
        source: oneOf("Shared", "Startup", "VfsMounts", "Task", "JobPrep", "Applications"),
        isReadOnly: isYesNo,
      }),
    ),
  ),
  isOnHostNetwork: optional(isYesNo),
});

const isKeeping = shape<OrderedKeeping>({
  runs: oneOf("all", "failed", "none"),
  mostBytes: isInteger,
  filePaths: listOf(isText),
});

const isRunOrder = shape<RunOrder>({
  runId: isUuid,
  kind: oneOf("startTask", "task", "jobPreparation", "jobRelease", "subtask", "packages"),
  jobId: optional(isText),
  taskId: optional(isText),
  directory: isText,
  keepsDirectory: isYesNo,
  commandLine: isText,
  coordinationCommandLine: optional(isText),
  environment: isTexts,
  preparationDirectory: optional(isText),
  sharedDirectory: optional(isText),
  user: isUser,
  container: optional(isContainer),
  packages: listOf(isPackage),
  certificates: optional(listOf(isCertificate)),
  downloads: listOf(isDownload),
  commonDownloads: optional(listOf(isDownload)),
  uploads: listOf(isUpload),
  keeping: optional(isKeeping),
  slots: optional(isInteger),
  priority: optional(isInteger),
  isTraced: optional(isYesNo),
  maxWallClockSeconds: optional(isNumber),
  retentionSeconds: optional(isNumber),
});

const isRequest = either(
  either(
    shape<Extract<Request, { operation: "uploadLogs" }>>({
      operation: oneOf("uploadLogs"),
      containerUrl: isText,
      directory: isText,
      startTime: isInstant,
      endTime: optional(isInstant),
    }),
    either(
      shape<Extract<Request, { operation: "findLogin" }>>({ operation: oneOf("findLogin") }),
      shape<Extract<Request, { operation: "follow" }>>({
        operation: oneOf("follow"),
        path: isText,
        start: optional(isInteger),
        tail: optional(isInteger),
        isLive: isYesNo,
        runId: optional(isText),
      }),
    ),
  ),
  either(
    either(
      shape<Extract<Request, { operation: "list" }>>({
        operation: oneOf("list"),
        path: isText,
        recursive: isYesNo,
        prefix: optional(isText),
        after: optional(isText),
        limit: optional(isInteger),
      }),
      shape<Extract<Request, { operation: "delete" }>>({
        operation: oneOf("delete"),
        path: isText,
        recursive: isYesNo,
      }),
    ),
    either(
      shape<Extract<Request, { operation: "stat" }>>({ operation: oneOf("stat"), path: isText }),
      shape<Extract<Request, { operation: "read" }>>({
        operation: oneOf("read"),
        path: isText,
        start: optional(isInteger),
        end: optional(isInteger),
      }),
    ),
  ),
);

const isAccount = shape<Order<"setUp">["accounts"][number]>({
  name: isText,
  isAdmin: isYesNo,
  passwordHash: optional(isText),
  sshPublicKey: optional(isText),
  sshPrivateKey: optional(isText),
  uid: optional(isInteger),
  gid: optional(isInteger),
  expiryTime: optional(isInstant),
});

const isMount = shape<Order<"setUp">["mounts"][number]>({
  path: isText,
  source: isText,
  directory: optional(isText),
});

const guards: { readonly [Type in ServiceOrder["type"]]: Guard<Order<Type>> } = {
  welcome: shape<Order<"welcome">>({
    type: oneOf("welcome"),
    slots: isInteger,
    limits: optional(
      shape<NodeLimits>({
        processesPerSlot: optional(isInteger),
        memoryBytes: optional(isInteger),
        cores: optional(isNumber),
      }),
    ),
    heartbeatSeconds: isNumber,
    sampleSeconds: isNumber,
  }),
  run: shape<Order<"run">>({ type: oneOf("run"), order: isRunOrder }),
  proceed: shape<Order<"proceed">>({ type: oneOf("proceed"), runId: isText }),
  cancel: shape<Order<"cancel">>({ type: oneOf("cancel"), runId: isText }),
  acknowledge: shape<Order<"acknowledge">>({ type: oneOf("acknowledge"), runIds: listOf(isText) }),
  removeDirectory: shape<Order<"removeDirectory">>({ type: oneOf("removeDirectory"), directory: isText }),
  files: shape<Order<"files">>({ type: oneOf("files"), requestId: isUuid, request: isRequest }),
  setUp: shape<Order<"setUp">>({
    type: oneOf("setUp"),
    setupId: isUuid,
    accounts: listOf(isAccount),
    mounts: listOf(isMount),
    images: optional(shape<NodeImages>({ imageNames: listOf(isText), registries: listOf(isRegistry) })),
  }),
  restart: shape<Order<"restart">>({ type: oneOf("restart"), restartId: isUuid, erase: isYesNo }),
  greet: shape<Order<"greet">>({ type: oneOf("greet") }),
  dismiss: shape<Order<"dismiss">>({ type: oneOf("dismiss") }),
};

const kinds = Object.values<Guard<unknown>>(guards);

const isOrder = (value: unknown): value is ServiceOrder => kinds.some((is) => is(value));
