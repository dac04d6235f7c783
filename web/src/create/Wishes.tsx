import { WandSparkles } from "lucide-react";
import type { Field } from "../api/types";
import { useSettings, useSpeech } from "../shell/settings";

interface Props {
  source: Field | undefined;
  target: Field;
  busy: boolean;
  submit: () => void;
}

/** What the photo shows and what it should become, a line for each wish. */
export function Wishes({ source, target, busy, submit }: Props) {
  const say = useSpeech();
  const { values, dial } = useSettings();
  return (
    <form
      className="wishes"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div>
        <label htmlFor="source">{source?.text?.[say.language].label}</label>
        <input
          id="source"
          type="text"
          maxLength={2000}
          placeholder={say("sourcePlaceholder")}
          value={String(values.source ?? "")}
          onChange={(event) => dial("source", event.target.value)}
        />
      </div>
      <div className="wishes-target">
        <label htmlFor="target">{target.text?.[say.language].label}</label>
        <textarea
          id="target"
          rows={2}
          maxLength={4000}
          placeholder={say("targetPlaceholder")}
          aria-describedby="target-help"
          value={String(values.target ?? "")}
          onChange={(event) => dial("target", event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            submit();
          }}
        />
      </div>
      <small id="target-help">{say("wishesHelp")}</small>
      <button type="submit" className="button primary" aria-busy={busy} disabled={busy}>
        <WandSparkles aria-hidden size={18} /> {say(busy ? "drawing" : "change")}
      </button>
    </form>
  );
}
