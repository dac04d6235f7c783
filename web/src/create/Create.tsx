import { useEffect } from "react";
import { useDrawing } from "../canvas/store";
import { LivePicture } from "../live/LivePicture";
import { useLane } from "../live/useLane";
import { History } from "../result/History";
import { Result } from "../result/Result";
import { Failure } from "../shell/Failure";
import { useSettings, useSpeech } from "../shell/settings";
import { useRecipes } from "./catalogue";
import { Dials } from "./Dials";
import { deskOf } from "./desk";
import { Easel } from "./Easel";
import { Prompt } from "./Prompt";
import { Recipes } from "./Recipes";
import { useDraw } from "./useDraw";
import { Wishes } from "./Wishes";
import { Wordless } from "./Wordless";

/** Draw or choose a photo, say, get: the page's first face. */
export function Create() {
  const say = useSpeech();
  const recipes = useRecipes();
  const chosen = useSettings((settings) => settings.recipe);
  const wantsLive = useSettings((settings) => settings.live);
  const { desk, go } = useDrawing();
  const draw = useDraw();
  const known = recipes.data ?? {};
  const name = chosen in known ? chosen : Object.keys(known)[0];
  const recipe = known[name ?? ""];
  const wanted = recipe && deskOf(recipe);
  const lane = useLane(recipe);
  const live = lane !== null && wantsLive;
  useEffect(() => {
    if (wanted) go(wanted);
  }, [wanted, go]);
  if (recipes.isPending) return <p className="quiet-text">{say("loading")}</p>;
  if (recipes.isError)
    return <Failure error={recipes.error} retry={() => void recipes.refetch()} />;
  if (!name || !recipe) return null;
  const { prompt, source, target } = recipe.schema.properties;
  const drawn = recipe.inputs.length > 0;
  // with a live picture, what is drawn is that picture and not another
  const submit = () => draw.mutate(live ? { seed: useSettings.getState().values.seed } : undefined);
  return (
    <div className="create" data-drawn={drawn} data-live={live}>
      <div className="say">
        <Recipes recipes={known} />
        {target ? (
          <Wishes source={source} target={target} busy={draw.isPending} submit={submit} />
        ) : prompt ? (
          <Prompt field={prompt} busy={draw.isPending} ideas={!drawn} submit={submit} />
        ) : (
          <Wordless recipe={recipe} busy={draw.isPending} submit={submit} />
        )}
      </div>
      {drawn && desk === wanted && <Easel recipe={recipe} live={lane !== null} />}
      {live && desk === wanted && (
        <LivePicture
          name={name}
          recipe={recipe}
          lane={lane}
          busy={draw.isPending}
          finish={(once) => draw.mutate(once)}
        />
      )}
      <Dials name={name} recipe={recipe} />
      <div className="see">
        <Result draw={(once) => draw.mutate(once)} />
        <History />
      </div>
    </div>
  );
}
