import type { Recipes as All } from "../api/types";
import { useSettings, useSpeech } from "../shell/settings";

/** Which recipe; new ones appear by themselves. */
export function Recipes({ recipes }: { recipes: All }) {
  const say = useSpeech();
  const { recipe, put } = useSettings();
  const sketchFirst = Object.entries(recipes).sort(
    ([, a], [, b]) => b.inputs.length - a.inputs.length,
  );
  return (
    <fieldset className="segments recipes">
      <legend className="unseen">{say("recipeGroup")}</legend>
      {sketchFirst.map(([name, { title }]) => (
        <label key={name} title={title[say.language].help}>
          <input
            type="radio"
            name="recipe"
            checked={recipe === name}
            onChange={() => put({ recipe: name })}
          />
          <span>{title[say.language].label}</span>
        </label>
      ))}
    </fieldset>
  );
}
