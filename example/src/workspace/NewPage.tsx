import { useMutation } from "convex/react";
import { api } from "../../convex/_generated/api";
import { go, pathOf } from "../route";
import type { Page, WorkspaceRow } from "../types";
import { Icon } from "../ui/Icon";

const NAMES = { doc: "document", diagram: "diagram" } as const;

type Props = { workspaceId: WorkspaceRow["_id"]; type: Page["type"]; large?: boolean };

export function NewPage({ workspaceId, type, large = false }: Props) {
  const create = useMutation(api.documents.create);
  const label = `New ${NAMES[type]}`;
  const make = async () => {
    const { room } = await create({ workspaceId, type, title: `Untitled ${NAMES[type]}` });
    go(pathOf(workspaceId, room));
  };
  return (
    <button className={large ? "" : "icon small"} aria-label={label} title={label} onClick={() => void make()}>
      <Icon name="plus" />{large && label}
    </button>
  );
}
