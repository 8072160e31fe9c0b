/** Labels that clients of the management plane give what is in an account; null until some are given. */
export type Tags = Readonly<Record<string, string>> | null;

/** The tags of a resource as answers have them. */
export const wireTags = ({ tags }: { readonly tags?: Tags }) => (tags ? { tags } : {});
