import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { api } from "../api/client";
import { Create } from "../create/Create";
import { Gallery } from "../gallery/Gallery";
import { IconButton } from "./IconButton";
import { Login } from "./Login";
import { useNotice } from "./notice";
import { useSpeech } from "./settings";
import { TopBar } from "./TopBar";

const hear = (tell: () => void) => {
  window.addEventListener("hashchange", tell);
  return () => window.removeEventListener("hashchange", tell);
};

/** The whole page. */
export function App() {
  const say = useSpeech();
  const place = useSyncExternalStore(hear, () => window.location.hash);
  const session = useQuery({
    queryKey: ["session"],
    queryFn: api.session,
    retry: 1,
    staleTime: 60_000,
  });
  const shut = session.data?.login === "required";
  return (
    <>
      <a className="skip" href="#main">
        {say("skip")}
      </a>
      <TopBar place={place} session={session.data} />
      <main id="main" tabIndex={-1}>
        <h1 className="unseen">palitra</h1>
        {shut ? <Login /> : place.startsWith("#/gallery") ? <Gallery /> : <Create />}
      </main>
      <Notice />
    </>
  );
}

function Notice() {
  const say = useSpeech();
  const { text, clear } = useNotice();
  return (
    <div className="notice-place" role="status" aria-live="polite">
      {text && (
        <div className="notice">
          <span>{text}</span>
          <IconButton label={say("close")} icon={X} onClick={clear} />
        </div>
      )}
    </div>
  );
}
