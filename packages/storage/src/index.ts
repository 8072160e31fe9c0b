export {
  ConnectionStringError,
  formatConnectionString,
  parseConnectionString,
  type StorageAccount,
  withAccountInHost,
} from "./account.ts";
export { blobUrl, withoutSecrets } from "./blob-url.ts";
export { createContainer, deleteBlob, deleteContainer, hasBlob, type SignedUrlOptions, signUrl } from "./containers.ts";
export { downloadFile } from "./download.ts";
export { type EmbeddedStorage, type EmbeddedStorageOptions, startEmbeddedStorage } from "./embedded.ts";
export { listBlobNames } from "./list.ts";
export { TransferError, type TransferOptions, type TransferProblem } from "./transfer.ts";
export { type Upload, uploadFile } from "./upload.ts";
