// Azurite has no types of its own. These are of the parts that we put together, no more.

declare module "azurite/dist/src/stores.js" {
  import type { RequestListener } from "node:http";

  export interface Document {
    readonly $loki: number;
  }

  export interface Collection {
    readonly name: string;
    readonly data: readonly Document[];
    ensureAllIndexes(force: boolean): void;
    on(event: "insert" | "update" | "delete", listener: (document: Document) => void): void;
  }

  export interface LokiDatabase {
    readonly collections: readonly Collection[];
    loadJSONObject(database: { readonly name: string; readonly collections: readonly object[] }): void;
  }

  export interface BlobMetadataStore {
    readonly db: LokiDatabase;
    init(): Promise<void>;
  }

  export interface Extent {
    readonly id: string;
    readonly lastModifiedInMS: number;
  }

  export interface ExtentMetadataStore {
    isInitialized(): boolean;
    isClosed(): boolean;
    init(): Promise<void>;
    close(): Promise<void>;
    updateExtent(extent: Extent): Promise<void>;
    deleteExtent(id: string): Promise<void>;
    getExtentLocationId(id: string): Promise<string>;
    iteratorExtents(): AsyncIterator<readonly string[], readonly string[]>;
  }

  export interface ExtentStore {
    init(): Promise<void>;
    deleteExtents(ids: Iterable<string>): Promise<number>;
  }

  export interface ExtentRemover {
    isInitialized(): boolean;
    deleteExtents(ids: Iterable<string>): Promise<number>;
  }

  export interface AccountStore {
    init(): Promise<void>;
    getAccount(name: string): { readonly key1: Buffer } | undefined;
  }

  export interface Logger {
    info(message: string): void;
  }

  export interface BlobRequest {
    getHeader(name: string): string | undefined;
    getQuery(name: string): string | undefined;
    getProtocol(): string;
  }

  export interface BlobContext {
    readonly contextId?: string;
    readonly operation?: number;
  }

  export interface Authenticator {
    /** True: it may be served. Undefined or false: others are asked. An error is the answer. */
    validate(request: BlobRequest, context: BlobContext): Promise<boolean | undefined>;
  }

  export interface StorageError extends Error {
    readonly statusCode: number;
    readonly headers: Record<string, string>;
    readonly body: string;
  }

  export interface ServiceHandler {
    getUserDelegationKey(
      times: { readonly start?: string | undefined; readonly expiry?: string | undefined } | undefined,
      options: unknown,
      context: BlobContext,
    ): Promise<object>;
  }

  export interface RequestListeners {
    createRequestListener(): RequestListener;
  }

  export interface GarbageCollector {
    start(): Promise<void>;
    close(): Promise<void>;
  }
}

declare module "azurite/dist/src/blob/persistence/LokiBlobMetadataStore.js" {
  import type { BlobMetadataStore } from "azurite/dist/src/stores.js";

  const module: { readonly default: new (file: string, isInMemory: boolean) => BlobMetadataStore };
  export = module;
}

declare module "azurite/dist/src/common/persistence/FSExtentStore.js" {
  import type { ExtentMetadataStore, ExtentStore, Logger } from "azurite/dist/src/stores.js";

  interface Place {
    readonly locationId: string;
    readonly locationPath: string;
    readonly maxConcurrency: number;
  }
  const module: {
    readonly default: new (extents: ExtentMetadataStore, places: readonly Place[], logger: Logger) => ExtentStore;
  };
  export = module;
}

declare module "azurite/dist/src/common/AccountDataStore.js" {
  import type { AccountStore, Logger } from "azurite/dist/src/stores.js";

  const module: { readonly default: new (logger: Logger) => AccountStore };
  export = module;
}

declare module "azurite/dist/src/common/Logger.js" {
  import type { Logger } from "azurite/dist/src/stores.js";

  const module: { readonly default: Logger };
  export = module;
}

declare module "azurite/dist/src/blob/BlobRequestListenerFactory.js" {
  import type { AccountStore, BlobMetadataStore, ExtentStore, RequestListeners } from "azurite/dist/src/stores.js";

  const module: {
    readonly default: new (
      blobs: BlobMetadataStore,
      extents: ExtentStore,
      accounts: AccountStore,
      hasAccessLog: boolean,
      accessLog: undefined,
      isLoose: boolean,
      isAnyVersion: boolean,
      oauth: "basic",
    ) => RequestListeners;
  };
  export = module;
}

declare module "azurite/dist/src/blob/gc/BlobGCManager.js" {
  import type {
    BlobMetadataStore,
    ExtentMetadataStore,
    ExtentRemover,
    GarbageCollector,
    Logger,
  } from "azurite/dist/src/stores.js";

  const module: {
    readonly default: new (
      blobs: BlobMetadataStore,
      extents: ExtentMetadataStore,
      remover: ExtentRemover,
      onFailure: (cause: unknown) => void,
      logger: Logger,
    ) => GarbageCollector;
  };
  export = module;
}

declare module "azurite/dist/src/common/utils/constants.js" {
  const module: { readonly NO_ACCOUNT_HOST_NAMES: Set<string> };
  export = module;
}

declare module "azurite/dist/src/blob/authentication/IBlobSASSignatureValues.js" {
  interface SignedValues {
    readonly version: string;
    readonly encryptionScope?: string | undefined;
  }
  const module: {
    generateBlobSASSignatureWithUDK: (
      values: SignedValues,
      resource: string,
      accountName: string,
      key: Buffer,
    ) => readonly [signature: string, signedText: string];
  };
  export = module;
}

declare module "azurite/dist/src/blob/utils/utils.js" {
  const module: { getUserDelegationKeyValue: (...holderAndTimes: readonly string[]) => string };
  export = module;
}

declare module "azurite/dist/src/blob/authentication/BlobSASAuthenticator.js" {
  import type { Authenticator } from "azurite/dist/src/stores.js";

  const module: { default: new (...parts: readonly unknown[]) => Authenticator };
  export = module;
}

declare module "azurite/dist/src/blob/authentication/BlobTokenAuthenticator.js" {
  import type { Authenticator } from "azurite/dist/src/stores.js";

  const module: { default: new (...parts: readonly unknown[]) => Authenticator };
  export = module;
}

declare module "azurite/dist/src/blob/handlers/ServiceHandler.js" {
  import type { ServiceHandler } from "azurite/dist/src/stores.js";

  const module: { default: new (...parts: readonly unknown[]) => ServiceHandler };
  export = module;
}

declare module "azurite/dist/src/blob/generated/artifacts/operation.js" {
  /** Names by number, and numbers by name. */
  const module: { readonly default: Readonly<Record<number | string, string | number>> };
  export = module;
}

declare module "azurite/dist/src/blob/errors/StorageError.js" {
  import type { StorageError } from "azurite/dist/src/stores.js";

  const module: {
    readonly default: new (
      status: number,
      code: string,
      message: string,
      requestId: string,
      more: Readonly<Record<string, string>>,
    ) => StorageError;
  };
  export = module;
}
