import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const FONTS = fileURLToPath(new URL("node_modules/@excalidraw/excalidraw/dist/prod/fonts", import.meta.url));

/** Excalidraw loads its fonts from EXCALIDRAW_ASSET_PATH, or else from somebody's CDN: here they are ours. */
function excalidrawFonts(): Plugin {
  return {
    name: "excalidraw-fonts",
    configureServer(server) {
      server.middlewares.use("/excalidraw/fonts", (request, response, next) => {
        const file = path.join(FONTS, path.normalize(decodeURIComponent(request.url ?? "").split("?")[0]!));
        if (!file.startsWith(FONTS + path.sep) || !fs.existsSync(file)) { next(); return; }
        response.setHeader("Content-Type", "font/woff2");
        fs.createReadStream(file).pipe(response);
      });
    },
    writeBundle({ dir }) {
      fs.cpSync(FONTS, path.join(dir!, "excalidraw/fonts"), { recursive: true });
    },
  };
}

export default defineConfig({
  plugins: [react(), excalidrawFonts()],
  server: { host: "127.0.0.1" },
  preview: { host: "127.0.0.1" },
  define: { "process.env.IS_PREACT": '"false"' },
  // Two copies of Yjs in one page lose edits without a word.
  resolve: {
    dedupe: ["yjs", "y-protocols", "y-prosemirror", "react", "react-dom"],
    alias: {
      "@excalidraw/mermaid-to-excalidraw": fileURLToPath(new URL("src/diagram/noMermaid.ts", import.meta.url)),
      // Yjs writes its three warnings in colors; without those 4 kB less are loaded.
      "lib0/dom": fileURLToPath(new URL("src/document/lib0Dom.ts", import.meta.url)),
      "lib0/logging": fileURLToPath(new URL("node_modules/lib0/logging.node.js", import.meta.url)),
    },
  },
  // Named here, so that the first visit of an editor does not find new ones and load the page again.
  optimizeDeps: {
    include: [
      "react", "react-dom", "react-dom/client", "react/jsx-dev-runtime", "yjs", "@hocuspocus/provider",
      "convex/react", "convex/values", "convex/server", "@convex-dev/auth/react",
      "@blocknote/core", "@blocknote/core/yjs", "@blocknote/react", "@blocknote/mantine", "@mantine/core", "@excalidraw/excalidraw",
    ],
  },
  build: {
    target: "es2022",
    manifest: true,
    // 3 % smaller than esbuild makes it, for twice the time.
    minify: "terser",
    terserOptions: { module: true, ecma: 2020, compress: { passes: 2, keep_fargs: false } },
    chunkSizeWarningLimit: 2000,
    reportCompressedSize: false,
    rollupOptions: {
      treeshake: { propertyReadSideEffects: false, tryCatchDeoptimization: false, unknownGlobalSideEffects: false },
    },
  },
});
