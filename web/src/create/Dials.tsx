import { Lock, LockOpen } from "lucide-react";
import type { Recipe } from "../api/types";
import { IconButton } from "../shell/IconButton";
import { useSettings, useSpeech } from "../shell/settings";
import { dialsOf, useModels, usePresets } from "./catalogue";
import { Dial } from "./Dial";
import { chosenFor, fieldsNow, keyOf } from "./depends";

/** The recipe's dials: presets and the basic ones at once, the others unfolded. */
export function Dials({ name: of, recipe }: { name: string; recipe: Recipe }) {
  const { values, dial } = useSettings();
  const say = useSpeech();
  const fields = fieldsNow(of, recipe, values);
  const show = (level: "basic" | "advanced") =>
    dialsOf(fields, level).map(([name, field]) => (
      <Dial
        key={name}
        name={name}
        field={field}
        value={chosenFor(of, name, field, values)}
        onChange={(v) => dial(keyOf(of, name, field), v)}
      />
    ));
  return (
    <section className="dials" aria-label={say("dials")}>
      <Presets known={Object.keys(fields)} />
      <div className="dial-grid">{show("basic")}</div>
      <details>
        <summary>{say("more")}</summary>
        <div className="dial-grid">
          {show("advanced")}
          <Seed />
          {!fields.model?.enum && <ModelChoice />}
        </div>
      </details>
    </section>
  );
}

function Presets({ known }: { known: string[] }) {
  const say = useSpeech();
  const presets = usePresets().data ?? [];
  const { preset, values, put } = useSettings();
  const choose = (name: string) => {
    const changed = { ...values };
    for (const each of presets) for (const field of Object.keys(each.values)) delete changed[field];
    const chosen = presets.find((each) => each.name === name)?.values ?? {};
    // values named recipe.field are kept under that name whatever recipe is shown
    for (const [field, value] of Object.entries(chosen))
      if (field.includes(".") || known.includes(field)) changed[field] = value;
    put({ preset: name, values: changed });
  };
  if (!presets.some((each) => Object.keys(each.values).some((field) => known.includes(field))))
    return null;
  return (
    <fieldset className="segments">
      <legend>{say("preset")}</legend>
      {presets.map(({ name, text }) => (
        <label key={name} title={text[say.language].help}>
          <input
            type="radio"
            name="preset"
            checked={preset === name}
            onChange={() => choose(name)}
          />
          <span>{text[say.language].label}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Seed() {
  const say = useSpeech();
  const { values, seedLocked, dial, put } = useSettings();
  return (
    <div className="dial" title={say("seedLockHelp")}>
      <label htmlFor="seed">{say("seed")}</label>
      <div className="with-button">
        <input
          id="seed"
          type="number"
          min={0}
          step={1}
          value={values.seed === undefined ? "" : String(values.seed)}
          onChange={(event) => {
            dial("seed", event.target.value === "" ? undefined : Number(event.target.value));
            put({ seedLocked: event.target.value !== "" });
          }}
        />
        <IconButton
          label={say("seedLock")}
          icon={seedLocked ? Lock : LockOpen}
          pressed={seedLocked}
          onClick={() => put({ seedLocked: !seedLocked })}
        />
      </div>
    </div>
  );
}

function ModelChoice() {
  const say = useSpeech();
  const models = (useModels().data ?? []).filter((model) => model.ready);
  const { values, dial } = useSettings();
  if (models.length < 2) return null;
  return (
    <div className="dial">
      <label htmlFor="model">{say("model")}</label>
      <select
        id="model"
        value={String(values.model ?? models[0]?.name)}
        onChange={(event) => dial("model", event.target.value)}
      >
        {models.map(({ name, title }) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
}
