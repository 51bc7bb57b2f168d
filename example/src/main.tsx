import "@blocknote/core/fonts/inter.css";
import "./ui/styles.css";
import { ConvexAuthProvider } from "@convex-dev/auth/react";
import { ConvexReactClient } from "convex/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { CONVEX_URL } from "./env";
import { applyTheme } from "./ui/theme";

// Read by Excalidraw when it is loaded: its fonts come from here and from nowhere else.
Object.assign(window, { EXCALIDRAW_ASSET_PATH: new URL("/excalidraw/", location.origin).href });
applyTheme();

const convex = new ConvexReactClient(CONVEX_URL);
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <ConvexAuthProvider client={convex}>
      <App />
    </ConvexAuthProvider>
  </StrictMode>,
);
