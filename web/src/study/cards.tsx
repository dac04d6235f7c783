/** What is said before the first pair, after the last, and when something is wrong. */

import type { ReactNode } from "react";
import { Problem, sentence } from "../api/client";
import type { Study } from "./calls";
import { fill, type Words } from "./words";

const SECONDS_A_PAIR = 10;

export function Card({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <main className="card">
      {title && <h1>{title}</h1>}
      {children}
    </main>
  );
}

interface WelcomeProps {
  study: Study;
  say: Words;
  begin: () => void;
}

export function Welcome({ study, say, begin }: WelcomeProps) {
  const minutes = Math.max(1, Math.round((study.total * SECONDS_A_PAIR) / 60));
  return (
    <Card title={study.title || say.title}>
      <p>{say.intro}</p>
      <p>{fill(say.pace, { pairs: study.total, minutes })}</p>
      <p className="soft">{say.privacy}</p>
      <button type="button" className="button primary" onClick={begin}>
        {study.joined ? say.goOn : say.begin}
      </button>
    </Card>
  );
}

/** `done`: all pairs are answered; else the study was closed before. */
export function Farewell({ done, total, say }: { done: boolean; total: number; say: Words }) {
  return (
    <Card title={done ? say.thanks : say.closed}>
      <p>{done ? fill(say.thanksText, { total }) : say.closedText}</p>
    </Card>
  );
}

interface TroubleProps {
  error: unknown;
  say: Words;
  again: () => void;
}

export function Trouble({ error, say, again }: TroubleProps) {
  if (error instanceof Problem && error.status === 401)
    return (
      <Card title={say.login}>
        <p>{say.loginText}</p>
        <a className="button" href="/">
          {say.loginLink}
        </a>
      </Card>
    );
  const mayHelp = !(error instanceof Problem && error.status === 404);
  return (
    <div className="trouble" role="alert">
      <p>{sentence(error, say.offline)}</p>
      {mayHelp && (
        <button type="button" className="button" onClick={again}>
          {say.retry}
        </button>
      )}
    </div>
  );
}
