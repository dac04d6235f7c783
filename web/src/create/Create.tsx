import { hasLines } from "../canvas/document";
import { Page } from "../canvas/Page";
import { useDrawing } from "../canvas/store";
import { Toolbar } from "../canvas/Toolbar";
import { useDropped } from "../canvas/useDropped";
import { History } from "../result/History";
import { Result } from "../result/Result";
import { Failure } from "../shell/Failure";
import { useSettings, useSpeech } from "../shell/settings";
import { ConsentTick } from "./ConsentTick";
import { useRecipes } from "./catalogue";
import { takesPeople } from "./consent";
import { Dials } from "./Dials";
import { ExampleSketches } from "./ExampleSketches";
import { Prompt } from "./Prompt";
import { Recipes } from "./Recipes";
import { useDraw } from "./useDraw";
import { Wordless } from "./Wordless";

/** Draw, say, get: the page's first face. */
export function Create() {
  const say = useSpeech();
  const recipes = useRecipes();
  const chosen = useSettings((settings) => settings.recipe);
  const draw = useDraw();
  const blank = useDrawing((state) => !hasLines(state.history.now));
  const dropping = useDropped();
  if (recipes.isPending) return <p className="quiet-text">{say("loading")}</p>;
  if (recipes.isError)
    return <Failure error={recipes.error} retry={() => void recipes.refetch()} />;
  const name = chosen in recipes.data ? chosen : Object.keys(recipes.data)[0];
  const recipe = recipes.data[name ?? ""];
  if (!name || !recipe) return null;
  const { prompt } = recipe.schema.properties;
  const drawn = recipe.inputs.length > 0;
  return (
    <div className="create" data-drawn={drawn}>
      <div className="say">
        <Recipes recipes={recipes.data} />
        {prompt ? (
          <Prompt
            field={prompt}
            busy={draw.isPending}
            ideas={!drawn}
            submit={() => draw.mutate(undefined)}
          />
        ) : (
          <Wordless recipe={recipe} busy={draw.isPending} submit={() => draw.mutate(undefined)} />
        )}
      </div>
      {drawn && (
        <section className="easel" aria-label={say("canvasLabel")} data-dropping={dropping}>
          <Toolbar />
          <div className="easel-page">
            <Page />
            {blank && (
              <p className="easel-empty" aria-hidden>
                <strong>{say("emptyTitle")}</strong>
                {say("emptyText")}
              </p>
            )}
          </div>
          {takesPeople(recipe) && <ConsentTick />}
          <ExampleSketches />
        </section>
      )}
      <Dials name={name} recipe={recipe} />
      <div className="see">
        <Result draw={(once) => draw.mutate(once)} />
        <History />
      </div>
    </div>
  );
}
