// Pictures in a document: the block holds "image:KEY", and the address is asked for when it is shown.
import type { ConvexReactClient } from "convex/react";
import { api } from "../../convex/_generated/api";
import type { Room } from "../rooms/room";
import { uploadImage } from "../images/upload";
import { messageOf } from "../ui/messageOf";

const SCHEME = "image:";
/** What BlockNote makes of a block whose file was not taken; left alone it would say "Loading" for ever. */
const EMPTY_LINE = { type: "paragraph", content: "" };

/** `tell` is given what a person has to know about the last picture; null: that it is there. */
export function documentImages(convex: ConvexReactClient, room: Room, tell: (problem: string | null) => void) {
  return {
    async uploadFile(file: File): Promise<string | typeof EMPTY_LINE> {
      const key = crypto.randomUUID();
      try {
        await uploadImage(convex, room, key, file);
      } catch (error) {
        tell(`${file.name}: ${messageOf(error)}`);
        return EMPTY_LINE;
      }
      tell(null);
      return SCHEME + key;
    },
    async resolveFileUrl(url: string): Promise<string> {
      if (!url.startsWith(SCHEME)) return url;
      const images = await convex.query(api.images.list, { room: room.name });
      return images.find(({ key }) => key === url.slice(SCHEME.length))?.url ?? url;
    },
  };
}
