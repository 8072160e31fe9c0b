/** Where what is said in one turn of the event loop is put together, for each node. */
export type Outbox<Message> = (nodeId: string, message: Message) => void;

/** So long a text, in characters, waits for nothing more: whoever receives it has a limit. */
const longText = 1024 * 1024;

/**
 * Sends what is said in one turn of the event loop as one text: a JSON list with one entry for each node, such as
 * `{"nodeId":"a","orders":[…]}`. A message costs as much as all that is done with what it says, on both ends.
 */
export function openOutbox<Message>(kind: "orders" | "reports", send: (text: string) => void): Outbox<Message> {
  let waiting = new Map<string, string[]>();
  let length = 0;
  const flush = () => {
    if (waiting.size === 0) return;
    const entries = [...waiting].map(
      ([nodeId, messages]) => `{"nodeId":${JSON.stringify(nodeId)},"${kind}":[${messages.join()}]}`,
    );
    waiting = new Map();
    length = 0;
    send(`[${entries.join()}]`);
  };
  return (nodeId, message) => {
    const text = JSON.stringify(message);
    if (waiting.size === 0) process.nextTick(flush);
    const messages = waiting.get(nodeId);
    if (messages) messages.push(text);
    else waiting.set(nodeId, [text]);
    length += text.length;
    if (length > longText) flush();
  };
}
