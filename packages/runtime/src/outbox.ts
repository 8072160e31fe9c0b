/** Where what is said in one turn of the event loop is put together. */
export type Outbox<Message> = (message: Message) => void;

/** So long a text, in characters, waits for nothing more: whoever receives it has a limit. */
const longText = 1024 * 1024;

/**
 * Sends what is said in one turn of the event loop as one text, a JSON list: a message costs as much as all that is
 * done with what it says, on both ends.
 */
export function openOutbox<Message>(send: (text: string) => void): Outbox<Message> {
  let waiting: string[] = [];
  let length = 0;
  const flush = () => {
    if (waiting.length === 0) return;
    const text = `[${waiting.join()}]`;
    waiting = [];
    length = 0;
    send(text);
  };
  return (message) => {
    const text = JSON.stringify(message);
    if (waiting.push(text) === 1) process.nextTick(flush);
    length += text.length;
    if (length > longText) flush();
  };
}
