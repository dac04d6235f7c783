/** The choices of one pair: which question waits, and from when on a click counts. */

import { useEffect, useRef, useState } from "react";
import { type Choice, type Choices, QUESTIONS, type Question } from "./calls";

/** So long after a pair has appeared nothing counts: the second of a double click is not an answer. */
const CALM_MS = 350;

const SIDES: Record<string, Choice> = {
  "1": "left",
  ArrowLeft: "left",
  "2": "right",
  ArrowRight: "right",
  "3": "equal",
  ArrowDown: "equal",
};

/** `answered` is called once, when both questions are. A pair of its own each time: use it under a key. */
export function usePair(ready: boolean, equal: boolean, answered: (choices: Choices) => void) {
  const [given, setGiven] = useState<Partial<Choices>>({});
  const [awake, setAwake] = useState(false);
  const sent = useRef(false);
  const current = QUESTIONS.find((question) => !given[question]);

  useEffect(() => {
    if (!ready) return;
    const timer = setTimeout(() => setAwake(true), CALM_MS);
    return () => clearTimeout(timer);
  }, [ready]);

  const choose = (question: Question, choice: Choice): void => {
    if (!awake || sent.current || (choice === "equal" && !equal)) return;
    const now: Partial<Choices> = { ...given, [question]: choice };
    const { edit, structure } = now;
    setGiven(now);
    if (!edit || !structure) return;
    sent.current = true;
    answered({ edit, structure });
  };

  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      const side = SIDES[event.key];
      if (side && current && (side !== "equal" || equal)) {
        event.preventDefault();
        choose(current, side);
      } else if (event.key === "Backspace" && !sent.current) setGiven({});
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });

  return { given, current, awake, choose };
}
