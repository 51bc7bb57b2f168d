// The same rooms as Durable Objects: this is the whole Worker. wrangler.jsonc says how it is named and set up.
export { Room, default } from "@partyd/edge";
