export {
  atOwnAddress,
  ConnectionStringError,
  formatConnectionString,
  parseConnectionString,
  type StorageAccount,
  withAccountInHost,
} from "./account.ts";
export { blobUrl, withoutSecrets } from "./blob-url.ts";
export {
  copyBlob,
  createBlob,
  createContainer,
  deleteBlob,
  deleteContainer,
  hasBlob,
  isStorageAway,
  type NewBlob,
  readBlob,
  type SignedUrlOptions,
  signUrl,
} from "./containers.ts";
export { downloadFile } from "./download.ts";
export { type EmbeddedStorage, type EmbeddedStorageOptions, startEmbeddedStorage } from "./embedded.ts";
export { type ListedBlob, listBlobs } from "./list.ts";
export { isForStorage } from "./token-audience.ts";
export { TransferError, type TransferOptions, type TransferProblem } from "./transfer.ts";
export type { StorageRole, Trust } from "./trust.ts";
export { type Upload, uploadFile } from "./upload.ts";
