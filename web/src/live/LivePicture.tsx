import { Pencil, Sparkles } from "lucide-react";
import type { Recipe } from "../api/types";
import { innerOf, usePresets } from "../create/catalogue";
import { chosenFor } from "../create/depends";
import type { Key } from "../i18n/en";
import { useSettings, useSpeech } from "../shell/settings";
import type { LiveLane } from "./calls";
import type { Seen } from "./follower";
import { useLive } from "./useLive";

interface Props {
  name: string;
  recipe: Recipe;
  lane: LiveLane;
  busy: boolean;
  finish: (once: Record<string, unknown>) => void;
}

/** The picture that follows the drawing, a line on how it goes, and the way to a finished one. */
export function LivePicture({ name, recipe, lane, busy, finish }: Props) {
  const say = useSpeech();
  const { values } = useSettings();
  const { seen, blank } = useLive();
  const best = useBest(name, recipe);
  const prompt = String(values.prompt ?? "").trim();
  const field = recipe.schema.properties.model;
  const model = field && (chosenFor(name, "model", innerOf(field).field, values) ?? field.default);
  const other = lane.model !== null && model !== undefined && model !== lane.model;
  return (
    <section
      className="live"
      aria-label={say("live")}
      data-state={seen.state}
      data-number={seen.number}
      data-ms={seen.ms ?? ""}
    >
      <div className="stage live-stage" data-behind={seen.state === "behind"}>
        {seen.picture ? (
          <img src={seen.picture} alt={prompt ? say("liveOf", { name: prompt }) : say("live")} />
        ) : (
          <Pencil aria-hidden size={36} strokeWidth={1.4} />
        )}
        {seen.picture && seen.ms !== null && (
          <small className="live-ms" aria-hidden title={say("liveMs")}>
            {seen.ms < 1000
              ? say("inMs", { n: seen.ms })
              : say("inS", { n: (seen.ms / 1000).toFixed(1) })}
          </small>
        )}
      </div>
      <div className="live-words">
        <h2>{say("live")}</h2>
        <p role="status">{seen.detail || say(lineOf(seen, blank, prompt))}</p>
        {other && <small>{say("liveModel", { name: lane.model ?? "" })}</small>}
        <button
          type="button"
          className="button"
          disabled={blank || busy}
          onClick={() => finish({ ...best, seed: values.seed })}
        >
          <Sparkles aria-hidden size={18} /> {say("finish")}
        </button>
      </div>
    </section>
  );
}

function lineOf(seen: Seen, blank: boolean, prompt: string): Key {
  if (seen.state === "off") return "liveOff";
  if (seen.state === "behind") return "liveBehind";
  if (blank) return "liveBlank";
  return prompt ? "liveFollows" : "liveWordless";
}

/** The best preset's values for this recipe. */
function useBest(name: string, recipe: Recipe): Record<string, unknown> {
  const values = usePresets().data?.find((each) => each.name === "best")?.values ?? {};
  const best: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const [of, field] = key.includes(".") ? key.split(".") : [name, key];
    if (of === name && field && recipe.schema.properties[field]) best[field] = value;
  }
  return best;
}
