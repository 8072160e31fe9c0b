import { type ApplicationSummary, BatchError } from "@kyanite/contract";
import {
  type ApplicationVersions,
  listApplicationVersions,
  readApplicationVersions,
} from "../../store/applications.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { oneMore, pageOf } from "../lists.ts";

export const applicationHandlers = ({ database }: HandlerContext) =>
  ({
    Application_List: async ({ account, list }) => {
      const applications = await listApplicationVersions(database, account, oneMore(list));
      return { body: pageOf(applications, list.limit, ({ key }) => key, summary) };
    },

    Application_Get: async ({ account, params }) => {
      const application = await readApplicationVersions(database, account, params.applicationId);
      if (!application) throw new BatchError("ApplicationNotFound");
      return { body: summary(application) };
    },
  }) satisfies OperationHandlers;

function summary({ id, displayName, versions }: ApplicationVersions): ApplicationSummary {
  return { id, displayName: displayName ?? "", versions: [...versions] };
}
