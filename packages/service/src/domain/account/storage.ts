/** The storage accounts that this server has keys of, by their names. */
export interface StorageAccounts {
  /** The first belongs to the account that is made when the server first starts. */
  readonly names: readonly string[];
  /**
   * The URL that nodes have to use. A client may name a storage account of this server as if it were in Azure; this
   * gives its real address.
   */
  ownUrl(url: string): string;
  /** A URL that lets whoever has it do what `permissions` say, such as `rl`, with a container or one blob in it. */
  signedUrl(place: StoragePlace & { readonly permissions: string; readonly expiresOn: Date }): Promise<string>;
  ensureContainer(place: StoragePlace): Promise<void>;
  hasBlob(place: BlobPlace): Promise<boolean>;
  /** Copies a blob to another name in its container. A signed URL of the one blob does not open the other. */
  copyBlob(place: BlobPlace & { readonly to: string; readonly expiresOn: Date }): Promise<void>;
  /** Nothing happens when there is none. */
  deleteBlob(place: BlobPlace): Promise<void>;
}

export interface StoragePlace {
  readonly storageAccount: string;
  readonly container: string;
  readonly blob?: string;
}

export interface BlobPlace extends StoragePlace {
  readonly blob: string;
}
