// How a refusal is told (rules D12 to D14): clients that send `_pk` come back 100 ms after any close but back
// off when the handshake fails; y-websocket is the other way round, and only a close code tells a browser
// why. It waits, so that nobody hurries.
import { WORDS, type Refusal } from "./access/decision.ts";

const HOLD_MS = 1800;

export async function refuse(refusal: Refusal, hasPk: boolean, protocol: string): Promise<Response> {
  const words = WORDS[refusal];
  await new Promise(resolve => setTimeout(resolve, HOLD_MS));
  if (words.byHttp === true || hasPk) {
    const headers = { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...(words.status === 401 && { "WWW-Authenticate": "Bearer" }) };
    return new Response(`${words.word}: ${words.text}\n`, { status: words.status, headers });
  }
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(words.code, words.word);
  const headers = protocol === "" ? undefined : { "Sec-WebSocket-Protocol": protocol };
  return new Response(null, { status: 101, webSocket: client, ...(headers && { headers }) });
}
