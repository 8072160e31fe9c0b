/** The storage accounts that this server has keys of, by their names. */
export interface StorageAccounts {
  /** The first is the one of the account that is made at the start. */
  readonly names: readonly string[];
  /** A URL that lets whoever has it do what `permissions` say, such as `rl`, with a container or one blob in it. */
  signedUrl(place: StoragePlace & { readonly permissions: string; readonly expiresOn: Date }): Promise<string>;
  ensureContainer(place: StoragePlace): Promise<void>;
  hasBlob(place: BlobPlace): Promise<boolean>;
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
