// Pictures in a document: the block holds "image:KEY", and the address is asked for when it is shown.
import type { ConvexReactClient } from "convex/react";
import { api } from "../../convex/_generated/api";
import type { Room } from "../rooms/room";
import { uploadImage } from "../images/upload";

const SCHEME = "image:";

export function documentImages(convex: ConvexReactClient, room: Room) {
  return {
    async uploadFile(file: File): Promise<string> {
      const key = crypto.randomUUID();
      await uploadImage(convex, room, key, file);
      return SCHEME + key;
    },
    async resolveFileUrl(url: string): Promise<string> {
      if (!url.startsWith(SCHEME)) return url;
      const images = await convex.query(api.images.list, { room: room.name });
      return images.find(({ key }) => key === url.slice(SCHEME.length))?.url ?? url;
    },
  };
}
