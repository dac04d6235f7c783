import { useCallback, useEffect, useState } from "react";
import { Problem } from "../api/client";
import { useSettings } from "../shell/settings";
import { type Choices, calls, pictureAt, type Study, type Turn } from "./calls";
import { Card, Farewell, Trouble, Welcome } from "./cards";
import { PairView } from "./PairView";
import { fill, words } from "./words";

/** From the first word to the thanks. */
export function StudyPage({ name }: { name: string }) {
  const { language, put } = useSettings();
  const say = words[language];
  const [study, setStudy] = useState<Study | null>(null);
  const [turn, setTurn] = useState<Turn | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [again, setAgain] = useState<() => void>(() => () => undefined);

  /** Do it; what fails is shown with a button that does it once more. */
  const attempt = useCallback((work: () => Promise<void>): void => {
    const run = (): void => {
      setFailure(null);
      work().catch((error: unknown) => {
        setFailure(error);
        setAgain(() => run);
      });
    };
    run();
  }, []);

  useEffect(() => {
    attempt(async () => setStudy(await calls.study(name)));
  }, [name, attempt]);
  useEffect(() => {
    document.title = study?.title || words[language].title;
  }, [study, language]);
  useEffect(() => {
    const ahead = turn?.ahead;
    if (ahead)
      for (const id of [ahead.photo, ahead.left, ahead.right])
        new Image().src = pictureAt(name, id);
  }, [turn, name]);

  const stage = turn && !turn.pair ? "done" : !study?.open ? "closed" : turn ? "pair" : "welcome";
  const begin = () => attempt(async () => setTurn(await calls.begin(name)));
  const answered = (place: number) => (choices: Choices) =>
    attempt(async () => {
      try {
        setTurn(await calls.answer(name, place, choices));
      } catch (error) {
        if (!(error instanceof Problem && error.status === 409)) throw error;
        // answered in another window, or closed meanwhile
        const now = await calls.study(name);
        setStudy(now);
        if (now.open) setTurn(await calls.next(name));
      }
    });

  return (
    <>
      <header className="study-top">
        <a className="brand" href="/">
          <img className="study-logo" src="/palitra.svg" alt="" width={28} height={28} /> palitra
        </a>
        {turn && stage === "pair" && (
          <div className="how-far">
            <progress aria-label={say.progress} max={turn.total} value={turn.done} />
            <span role="status">{fill(say.progress, { done: turn.done, total: turn.total })}</span>
          </div>
        )}
        <button
          type="button"
          className="language"
          lang={language === "en" ? "ru" : "en"}
          aria-label={language === "en" ? "RU: Русский" : "EN: English"}
          onClick={() => put({ language: language === "en" ? "ru" : "en" })}
        >
          {language === "en" ? "RU" : "EN"}
        </button>
      </header>
      {failure !== null && <Trouble error={failure} say={say} again={again} />}
      {failure === null && !study && <Card>{say.loading}</Card>}
      {study && stage === "welcome" && <Welcome study={study} say={say} begin={begin} />}
      {study && (stage === "done" || stage === "closed") && (
        <Farewell done={stage === "done"} total={study.total} say={say} />
      )}
      {study && stage === "pair" && turn?.pair && (
        <PairView
          key={turn.pair.place}
          study={name}
          pair={turn.pair}
          equal={study.equal}
          language={language}
          answered={answered(turn.pair.place)}
        />
      )}
    </>
  );
}
