import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = { target: "http://127.0.0.1:8000", changeOrigin: true };

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../src/palitra/service/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: ["index.html", "docs.html", "study.html"] },
  },
  server: { proxy: { "/v1": api, "/docs": api, "/openapi.json": api } },
  test: { include: ["src/**/*.test.ts"] },
});
