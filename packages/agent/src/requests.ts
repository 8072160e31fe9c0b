import type { LoginAnswer, LogsAnswer, NodeRequest } from "@kyanite/contract";
import { answerFiles, type FilesReply, jsonReply } from "./files.ts";
import type { FollowMeans } from "./follow.ts";
import { type LogPlaces, logFiles, type UploadMeans, uploadLogs } from "./logs.ts";
import { findSshServer } from "./ssh-server.ts";
import type { NameReader } from "./task-files/names.ts";

export interface RequestMeans extends UploadMeans, Omit<FollowMeans, "root"> {
  readonly places: LogPlaces;
  readonly names: NameReader;
  readonly address: string;
  readonly sshPort: number;
  /** What the machine adds to the names of the node's accounts. */
  readonly userSuffix: string | undefined;
  /** Takes over what goes on after the answer. */
  own(work: Promise<void>): void;
}

/** Answers what the service asks of the node. */
export async function answerRequest(request: NodeRequest, means: RequestMeans): Promise<FilesReply> {
  switch (request.operation) {
    case "uploadLogs": {
      const files = logFiles(means.places, request);
      means.own(uploadLogs(files, request, means));
      return jsonReply({ files: files.length } satisfies LogsAnswer);
    }
    case "findLogin": {
      const { sshPort: port, userSuffix } = means;
      const address = await findSshServer(means.address, port);
      if (address === undefined) return jsonReply({} satisfies LoginAnswer);
      const login = { address, port, ...(userSuffix === undefined ? {} : { userSuffix }) };
      return jsonReply({ login } satisfies LoginAnswer);
    }
    default:
      return answerFiles({ ...means, root: means.places.root }, request);
  }
}
