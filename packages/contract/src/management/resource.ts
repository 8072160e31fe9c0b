import Type, { type TProperties } from "typebox";
import { Int32, model, optional, readOnly, since } from "../schema.ts";

/** Labels that mean something to clients alone. */
export const tags = () => Type.Record(Type.String(), Type.String());

/** What every resource of an account has besides its properties; the service sets all of it but the tags. */
export const envelope = {
  id: optional(readOnly(Type.String())),
  name: optional(readOnly(Type.String())),
  type: optional(readOnly(Type.String())),
  etag: optional(readOnly(Type.String())),
  tags: optional(since("2024-07-01.20.0", tags())),
  systemData: optional(since("2024-07-01.20.0", readOnly(Type.Unknown()))),
};

/** A resource of an account: its own facts are in `properties`. */
export const resource = <P extends TProperties>(title: string, description: string, properties: P) =>
  model(title, description, {
    ...envelope,
    properties: optional(model(`${title}Properties`, `The facts of a ${title}.`, properties)),
  });

/** Query of a list that is given in pages. */
export const pagedList = { maxresults: Int32({ minimum: 1, maximum: 1000, default: 1000 }) };
