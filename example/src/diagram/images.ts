// Pictures in a diagram. An element holds the key of its picture (Excalidraw's fileId, a hash of the
// bytes); the bytes go to Convex, and come from there for whoever has not got them.
import type { ExcalidrawImperativeAPI, BinaryFiles, DataURL } from "@excalidraw/excalidraw/types";
import { useConvex, useQuery } from "convex/react";
import { useEffect, useRef } from "react";
import { api as functions } from "../../convex/_generated/api";
import { uploadImage } from "../images/upload";
import type { Room } from "../rooms/room";
import { messageOf } from "../ui/messageOf";
import type { Element } from "./scene";

type Key = BinaryFiles[string]["id"];

/** @returns what is to be called with the elements and files of each change. */
export function useDiagramImages(room: Room, api: ExcalidrawImperativeAPI | null, editable: boolean) {
  const convex = useConvex();
  const stored = useQuery(functions.images.list, { room: room.name });
  const uploading = useRef(new Set<string>());
  const loading = useRef(new Set<string>());

  useEffect(() => {
    if (api === null || stored === undefined) return;
    for (const { key, url, mimeType } of stored) {
      if (loading.current.has(key) || api.getFiles()[key]) continue;
      loading.current.add(key);
      void download(url)
        .then((dataURL) => api.addFiles([{ id: key as Key, dataURL, mimeType: mimeType as never, created: Date.now() }]))
        .catch(() => loading.current.delete(key)); // with the next change of the list again
    }
  }, [api, stored]);

  const shown = useRef<{ elements: readonly Element[]; files: BinaryFiles }>({ elements: [], files: {} });
  const upload = () => {
    if (!editable || stored === undefined || api === null) return;
    const { elements, files } = shown.current;
    for (const element of elements) {
      if (element.type !== "image" || element.isDeleted || element.fileId === null) continue;
      const file = files[element.fileId];
      const key: string = element.fileId;
      if (file === undefined || uploading.current.has(key) || stored.some((image) => image.key === key)) continue;
      uploading.current.add(key);
      // From now on it is unsaved: nobody else has its bytes.
      void room.uploading(fetch(file.dataURL).then((response) => response.blob()).then((blob) => uploadImage(convex, room, key, blob)))
        .catch((error: unknown) => api.setToast({ message: messageOf(error), closable: true }));
    }
  };
  // What was put in before it was known what is there.
  useEffect(upload, [stored, api, editable]);

  return (elements: readonly Element[], files: BinaryFiles): void => {
    shown.current = { elements, files };
    upload();
  };
}

async function download(url: string): Promise<DataURL> {
  const blob = await (await fetch(url)).blob();
  return await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as DataURL);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
