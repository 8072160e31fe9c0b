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
  /**
   * Writes a blob that is not there yet, and its container if need be.
   * @returns its ETag, also of one that the same author has written before; undefined when there is another's
   */
  createBlob(blob: NewBlob): Promise<string | undefined>;
  /** Its beginning, up to `mostBytes`; undefined when there is none. */
  readBlob(place: BlobPlace, mostBytes: number): Promise<Buffer | undefined>;
  /**
   * Nothing happens when there is none.
   * @param place with an ETag when only what was written then is to go
   */
  deleteBlob(place: BlobPlace & { readonly etag?: string | null }): Promise<void>;
}

export interface StoragePlace {
  readonly storageAccount: string;
  readonly container: string;
  readonly blob?: string;
}

export interface NewBlob extends BlobPlace {
  readonly content: Buffer;
  readonly contentType: string;
  /** Tells whose it is, should there be one already. */
  readonly author: string;
}

export interface BlobPlace extends StoragePlace {
  readonly blob: string;
}
