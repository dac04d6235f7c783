import { Sparkles } from "lucide-react";
import type { Field } from "../api/types";
import { useSettings, useSpeech } from "../shell/settings";
import { IDEAS } from "./examples";

interface Props {
  field: Field | undefined;
  busy: boolean;
  ideas: boolean;
  submit: () => void;
}

/** The words, and the button that everything is about. */
export function Prompt({ field, busy, ideas, submit }: Props) {
  const say = useSpeech();
  const prompt = useSettings((settings) => String(settings.values.prompt ?? ""));
  const dial = useSettings((settings) => settings.dial);
  const words = field?.text?.[say.language];
  return (
    <form
      className="prompt"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label htmlFor="prompt">{words?.label}</label>
      <div className="prompt-row">
        <textarea
          id="prompt"
          rows={1}
          maxLength={2000}
          placeholder={say("promptPlaceholder")}
          aria-describedby="prompt-help"
          value={prompt}
          onChange={(event) => dial("prompt", event.target.value.replaceAll("\n", " "))}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            submit();
          }}
        />
        <button type="submit" className="button primary" aria-busy={busy} disabled={busy}>
          <Sparkles aria-hidden size={18} /> {say(busy ? "drawing" : "draw")}
        </button>
      </div>
      <small id="prompt-help">{say("promptHelp")}</small>
      {ideas && (
        <fieldset className="ideas">
          <legend className="unseen">{say("ideas")}</legend>
          {IDEAS.map(({ prompt: idea, label }) => (
            <button type="button" className="chip" key={idea} onClick={() => dial("prompt", idea)}>
              {label[say.language]}
            </button>
          ))}
        </fieldset>
      )}
    </form>
  );
}
