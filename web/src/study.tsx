/** The page of a study: people compare edits blindly. Its address ends with the study's name. */

import "@fontsource-variable/onest";
import "./styles/tokens.css";
import "./styles/controls.css";
import "./study/study.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { dressDocument } from "./shell/settings";
import { StudyPage } from "./study/StudyPage";

dressDocument();
const root = document.getElementById("root");
const name = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
if (root)
  createRoot(root).render(
    <StrictMode>
      <StudyPage name={name} />
    </StrictMode>,
  );
