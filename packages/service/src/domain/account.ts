/** A Batch account: the owner of every other resource. */
export interface Account {
  readonly pk: number;
  readonly name: string;
  /** Base64; each signs. */
  readonly keys: readonly string[];
}
