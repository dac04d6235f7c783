import "@fontsource-variable/onest";
import "./styles/tokens.css";
import "./styles/controls.css";
import "./styles/shell.css";
import "./styles/easel.css";
import "./styles/create.css";
import "./styles/result.css";
import "./styles/gallery.css";
import "./live/live.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { keepDrawing } from "./canvas/store";
import { App } from "./shell/App";
import { FaultBoundary } from "./shell/FaultBoundary";
import { dressDocument } from "./shell/settings";

dressDocument();
void keepDrawing();
// the browser's guess about the network is often wrong for a server on this machine
const defaultOptions = {
  queries: { retry: 1, networkMode: "always" },
  mutations: { networkMode: "always" },
} as const;
const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <StrictMode>
      <FaultBoundary>
        <QueryClientProvider client={new QueryClient({ defaultOptions })}>
          <App />
        </QueryClientProvider>
      </FaultBoundary>
    </StrictMode>,
  );
