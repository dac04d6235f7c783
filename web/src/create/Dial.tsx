import { useId } from "react";
import type { Field } from "../api/types";
import type { Key } from "../i18n/en";
import { useSpeech } from "../shell/settings";
import { innerOf } from "./catalogue";

interface Props {
  name: string;
  field: Field;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** Few enough values to be chosen on a slider. */
const SLIDES = 64;

/** What the ends of a slider stand for. */
const ENDS: Record<string, readonly [Key, Key]> = {
  fidelity: ["fidelityLow", "fidelityHigh"],
  strength: ["strengthLow", "strengthHigh"],
};

/** One field of a recipe as the control that fits its schema. */
export function Dial({ name, field: outer, value: given, onChange }: Props) {
  const say = useSpeech();
  const id = useId();
  const { field, optional } = innerOf(outer);
  const words = outer.text?.[say.language];
  const value = given ?? outer.default;
  const label = words?.label ?? name;
  const chosen = outer.choices?.[String(value)]?.[say.language];
  if (field.type === "boolean")
    return (
      <label className="dial switch" title={words?.help}>
        <input
          type="checkbox"
          checked={Boolean(value)}
          onChange={(event) => onChange(event.target.checked)}
        />
        <span>{label}</span>
      </label>
    );
  return (
    <div className="dial" title={words?.help}>
      <label htmlFor={id}>{label}</label>
      {field.enum ? (
        <select id={id} value={String(value)} onChange={(event) => onChange(event.target.value)}>
          {field.enum.map((each) => (
            <option key={each} value={each}>
              {outer.choices?.[each]?.[say.language].label ??
                outer.titles?.[say.language][each] ??
                each}
            </option>
          ))}
        </select>
      ) : field.type === "string" ? (
        <input
          id={id}
          type="text"
          maxLength={field.maxLength}
          value={String(value ?? "")}
          onChange={(event) => onChange(event.target.value)}
        />
      ) : (
        <NumberDial
          id={id}
          name={name}
          label={label}
          field={field}
          value={value}
          optional={optional}
          onChange={onChange}
        />
      )}
      {chosen && <small>{chosen.help}</small>}
    </div>
  );
}

interface NumberProps {
  id: string;
  name: string;
  label: string;
  field: Field;
  value: unknown;
  optional: boolean;
  onChange: (value: unknown) => void;
}

function NumberDial({ id, name, label, field, value, optional, onChange }: NumberProps) {
  const say = useSpeech();
  const whole = field.type === "integer";
  const low = field.minimum ?? 0;
  const high = field.maximum ?? 100;
  const ends = ENDS[name];
  const slides = !optional && (!whole || high - low < SLIDES);
  const shown = typeof value === "number" ? value : "";
  if (slides) {
    const most = name === "n" ? Math.min(high, 16) : high;
    return (
      <div className="slider">
        <input
          id={id}
          type="range"
          min={low}
          max={most}
          step={whole ? 1 : (high - low) / 20}
          value={shown}
          onChange={(event) => onChange(Number(event.target.value))}
        />
        <output htmlFor={id}>{whole ? shown : Math.round(Number(shown) * 100) / 100}</output>
        {ends && (
          <div className="ends" aria-hidden>
            <span>{say(ends[0])}</span>
            <span>{say(ends[1])}</span>
          </div>
        )}
      </div>
    );
  }
  return (
    <input
      id={id}
      type="number"
      aria-label={label}
      min={low}
      max={high}
      step={whole ? 1 : 0.5}
      placeholder={optional ? say("byModel") : undefined}
      value={shown}
      onChange={(event) => onChange(event.target.value === "" ? null : Number(event.target.value))}
    />
  );
}
