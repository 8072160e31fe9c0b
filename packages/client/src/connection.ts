import type { Credential } from "./credential.ts";
import { type Deadline, deadline } from "./deadline.ts";
import type { PlannedRequest } from "./request.ts";
import { RequestError } from "./request-error.ts";
import type { Transport, WireAnswer } from "./transport.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** How long the service may take for an answer or a page, or for each piece of a file; 60 unless given. */
  readonly timeoutSeconds?: number;
}

export interface ConnectionOptions {
  readonly origin: string;
  readonly credential: Credential;
  readonly transport: Transport;
}

/** A file as it arrives. Read it once; until it is read, or a loop over it left, it keeps its connection. */
export interface FileBody extends AsyncIterable<Uint8Array> {
  text(): Promise<string>;
}

interface Received<Body> extends Pick<WireAnswer, "status" | "headers"> {
  readonly body: Body;
}

export interface Connection {
  /** Rejects with a {@link RequestError} when the request is refused. */
  text(request: PlannedRequest, options?: CallOptions): Promise<Received<string>>;
  file(request: PlannedRequest, options?: CallOptions): Promise<Received<FileBody>>;
}

const encoder = new TextEncoder();

/** Sends requests with their date and signature, each within its time. */
export function connect({ origin, credential, transport }: ConnectionOptions): Connection {
  const send = async ({ method, target, headers, body }: PlannedRequest, limit: Deadline): Promise<WireAnswer> => {
    limit.throwIfOver();
    const content = body === undefined ? undefined : encoder.encode(body);
    // A browser sets `Date` itself, and lets nobody else.
    const dated: Record<string, string> = { ...headers, "ocp-date": new Date().toUTCString() };
    if (content) dated["content-length"] = String(content.length);
    dated.authorization = await credential({ method, target, headers: dated });
    limit.throwIfOver();
    const answer = await transport({ method, origin, target, headers: dated, body: content, limit });
    if (answer.status < 200 || answer.status >= 300) throw new RequestError(answer, await answer.text());
    return answer;
  };
  return {
    text: async (request, { signal, timeoutSeconds = 60 } = {}) => {
      using limit = deadline(timeoutSeconds, signal);
      const { status, headers, text } = await send(request, limit);
      return { status, headers, body: await text() };
    },
    file: async (request, { signal, timeoutSeconds = 60 } = {}) => {
      const limit = deadline(timeoutSeconds, signal);
      try {
        const answer = await send(request, limit);
        return { status: answer.status, headers: answer.headers, body: fileBody(answer, limit) };
      } catch (error) {
        limit[Symbol.dispose]();
        throw error;
      }
    },
  };
}

function fileBody({ chunks }: WireAnswer, limit: Deadline): FileBody {
  /** Time counts while the service is waited for, and not while the reader is at work. */
  async function* timed() {
    using _ = limit;
    for await (const chunk of chunks()) {
      limit.pause();
      yield chunk;
      limit.restart();
    }
  }
  return {
    [Symbol.asyncIterator]: timed,
    text: async () => {
      const decoder = new TextDecoder();
      let text = "";
      for await (const chunk of timed()) text += decoder.decode(chunk, { stream: true });
      return text + decoder.decode();
    },
  };
}
