// A picture goes to Convex; the room gets its key.
import type { ConvexReactClient } from "convex/react";
import { ConvexError } from "convex/values";
import { api } from "../../convex/_generated/api";
import type { Id } from "../../convex/_generated/dataModel";
import { imageProblem } from "../../convex/limits";
import type { Room } from "../rooms/room";

const RETRY_MS = 3000;

/** Until it is there, however long the network is away. Throws what the application refuses. */
export async function uploadImage(convex: ConvexReactClient, room: Room, key: string, image: Blob): Promise<void> {
  const problem = imageProblem(image.type, image.size);
  if (problem !== null) throw new ConvexError(problem);
  await room.uploading(repeat(async () => {
    const url = await convex.mutation(api.images.uploadUrl, { room: room.name });
    const response = await fetch(url, { method: "POST", headers: { "Content-Type": image.type }, body: image });
    if (!response.ok) throw new Error(`upload: ${response.status}`);
    const { storageId } = await response.json() as { storageId: Id<"_storage"> };
    await convex.mutation(api.images.add, { room: room.name, key, storageId, mimeType: image.type });
  }));
}

async function repeat(work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConvexError) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
