import { Sparkles } from "lucide-react";
import type { Recipe } from "../api/types";
import { useSpeech } from "../shell/settings";

interface Props {
  recipe: Recipe;
  busy: boolean;
  submit: () => void;
}

/** The button alone, for recipes that are told by their dials and not in words. */
export function Wordless({ recipe, busy, submit }: Props) {
  const say = useSpeech();
  return (
    <form
      className="prompt wordless"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <p>{recipe.title[say.language].help}</p>
      <button type="submit" className="button primary" aria-busy={busy} disabled={busy}>
        <Sparkles aria-hidden size={18} /> {say(busy ? "drawing" : "draw")}
      </button>
    </form>
  );
}
