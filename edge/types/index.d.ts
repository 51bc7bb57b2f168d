// What an application sees of the package; build.mjs puts it beside the bundle.
import { DurableObject } from "cloudflare:workers";

/** One room: a Durable Object class for wrangler's bindings. */
export class Room extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env);
}

/** The binding ROOM, and settings as variables: docs/edge.md. */
export interface Env {
  ROOM: DurableObjectNamespace;
  [name: string]: unknown;
}

/** The Worker in front of the rooms. An application with one of its own calls fetch() with what is for rooms. */
declare const partyd: { fetch(request: Request, env: Env): Promise<Response> };
export default partyd;
