import { CloudOff } from "lucide-react";
import { sentence } from "../api/client";
import { useSpeech } from "./settings";

/** Something could not be loaded: what, and what to do. */
export function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  const say = useSpeech();
  return (
    <div className="failure" role="alert">
      <CloudOff aria-hidden size={32} strokeWidth={1.5} />
      <p>{sentence(error, say("offline"))}</p>
      <button type="button" className="button" onClick={retry}>
        {say("retry")}
      </button>
    </div>
  );
}
