/**
 * For the browser: keeps any stock Yjs provider (y-websocket, y-partykit, y-partyserver) supplied
 * with room tickets. A ticket is good for one connect, so each connect waits for a fresh one:
 *
 *     const tickets = roomTickets(() => convex.mutation(api.collab.ticket, { room }));
 *     const provider = new WebsocketProvider(url, room, doc, { connect: false, params: tickets.params });
 *     const stop = tickets.connect(provider, { onRefused: (reason) => showRefusal(reason) });
 */

/** What `collab:ticket` answers. */
export type TicketAnswer =
  | { allowed: true; ticket: string; permission: string }
  | { allowed: false; reason: string };

/** What is used of a provider. */
export type Provider = {
  shouldConnect: boolean;
  connect(): unknown;
  disconnect(): void;
  on(event: never, listener: never): unknown;
  off(event: never, listener: never): unknown;
};

export type ConnectOptions = {
  /**
   * Called once when there is no way in: with the reason of the application, or with `closed_<code>`
   * when the server ended the connection for good. connect() may be called again later.
   */
  onRefused?: (reason: string) => void;
  /** Called before each connect with what the user may do. */
  onAllowed?: (permission: string) => void;
  /**
   * Called when the application cannot be asked, or when the server does not take what it gave (then
   * the two have different secrets, or clocks); it is tried again after a while.
   */
  onError?: (error: unknown) => void;
};

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2500;

/** Close codes after which a fresh ticket may help although they are final for the provider. */
const TOKEN_CLOSES = [4401];
const isFinal = (code: number) => code >= 4400 && code <= 4499 && !TOKEN_CLOSES.includes(code);

export function roomTickets(getTicket: () => Promise<TicketAnswer>) {
  let current = "";
  return {
    /** For the provider's option `params`: read anew at every connect. */
    params: { get token() { return current; } } as { readonly token: string } & Record<string, string>,

    /** Connects, and again after each loss, until the function given back is called. */
    connect(provider: Provider, options: ConnectOptions = {}): () => void {
      let running = true;
      let failures = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;

      async function open(): Promise<void> {
        let answer: TicketAnswer;
        try {
          answer = await getTicket();
        } catch (error) {
          if (!running) return;
          options.onError?.(error);
          again();
          return;
        }
        if (!running) return;
        if (!answer.allowed) { end(answer.reason); return; }
        current = answer.ticket;
        options.onAllowed?.(answer.permission);
        provider.connect();
      }
      function again(): void {
        // Half of the time by chance: many clients that lost one server come back spread.
        const most = Math.min(RETRY_FIRST_MS * 2 ** failures++, RETRY_MAX_MS);
        timer = setTimeout(() => void open(), most / 2 + Math.random() * most / 2);
      }
      function end(reason: string): void {
        stop();
        options.onRefused?.(reason);
      }
      function onClose(event: { code: number } | null): void {
        // Whoever calls disconnect() or destroy() wants no connection.
        if (event === null || !provider.shouldConnect) return;
        // The provider would come back by itself, with the ticket that is used up. Not from inside
        // of its own event, which it has not finished with.
        setTimeout(() => {
          if (!running) return;
          provider.disconnect();
          if (TOKEN_CLOSES.includes(event.code)) {
            options.onError?.(new Error("partyd refused a fresh ticket: is its secret that of the application?"));
          }
          if (isFinal(event.code)) end(`closed_${event.code}`);
          else again();
        });
      }
      function onSync(synced: boolean): void {
        if (synced) failures = 0;
      }
      function stop(): void {
        if (!running) return;
        running = false;
        clearTimeout(timer);
        provider.off("connection-close" as never, onClose as never);
        provider.off("sync" as never, onSync as never);
        provider.disconnect();
      }
      provider.on("connection-close" as never, onClose as never);
      provider.on("sync" as never, onSync as never);
      void open();
      return stop;
    },
  };
}
