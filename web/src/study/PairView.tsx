import { useState } from "react";
import type { Language } from "../api/types";
import { type Choice, type Choices, type Pair, pictureAt, QUESTIONS } from "./calls";
import { usePair } from "./usePair";
import { fill, words } from "./words";

interface Props {
  study: string;
  pair: Pair;
  equal: boolean;
  language: Language;
  answered: (choices: Choices) => void;
}

/** A photo, a wish, two pictures, two questions. Use it under the place as its key. */
export function PairView({ study, pair, equal, language, answered }: Props) {
  const say = words[language];
  const [loaded, setLoaded] = useState<ReadonlySet<string>>(new Set());
  const [attempt, setAttempt] = useState(0);
  const [broken, setBroken] = useState(false);
  const ready = loaded.size === 3 && !broken;
  const { given, current, awake, choose } = usePair(ready, equal, answered);

  const picture = (side: "photo" | "left" | "right", alt: string) => (
    <img
      key={`${side}-${attempt}`}
      src={pictureAt(study, pair[side])}
      alt={alt}
      draggable={false}
      onLoad={() => setLoaded((before) => new Set(before).add(side))}
      onError={() => setBroken(true)}
    />
  );
  const russian = language === "ru" && pair.target_ru;
  const sides: Choice[] = equal ? ["left", "equal", "right"] : ["left", "right"];
  return (
    <main className="pair" aria-busy={!awake}>
      <div className="task">
        <figure>
          {picture("photo", say.photo)}
          <figcaption>{say.photo}</figcaption>
        </figure>
        <div>
          <p className="soft">{say.wanted}</p>
          <h1 lang={russian ? "ru" : "en"}>{russian || pair.target}</h1>
          {pair.source && !russian && (
            <p className="soft">{fill(say.before, { source: pair.source })}</p>
          )}
        </div>
      </div>
      {broken && (
        <p className="trouble" role="alert">
          {say.broken}{" "}
          <button
            type="button"
            className="button"
            onClick={() => {
              setLoaded(new Set());
              setBroken(false);
              setAttempt(attempt + 1);
            }}
          >
            {say.retry}
          </button>
        </p>
      )}
      <div className="duel">
        {picture("left", say.leftAlt)}
        {picture("right", say.rightAlt)}
      </div>
      {QUESTIONS.map((question) => (
        <fieldset
          key={question}
          className="question"
          data-current={question === current}
          data-sides={sides.length}
        >
          <legend>{say[question]}</legend>
          {sides.map((side) => (
            <button
              key={side}
              type="button"
              className="button choice"
              aria-pressed={given[question] === side}
              onClick={() => choose(question, side)}
            >
              {say[side]}
            </button>
          ))}
        </fieldset>
      ))}
      <p className="keys">{equal ? say.keysEqual : say.keys}</p>
    </main>
  );
}
