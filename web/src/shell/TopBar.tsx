import { useQuery } from "@tanstack/react-query";
import { Brush, Images, LogOut, Monitor, Moon, Pause, Play, Sun } from "lucide-react";
import { api } from "../api/client";
import type { Session } from "../api/types";
import { IconButton } from "./IconButton";
import { type Theme, useSettings, useSpeech } from "./settings";
import { useCall } from "./useCall";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const SIGNS = { auto: Monitor, light: Sun, dark: Moon };
const NAMES = { auto: "themeAuto", light: "themeLight", dark: "themeDark" } as const;

interface Props {
  place: string;
  session: Session | undefined;
}

/** Name, places, language and theme. */
export function TopBar({ place, session }: Props) {
  const say = useSpeech();
  const { language, theme, put } = useSettings();
  const gallery = place.startsWith("#/gallery");
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
  return (
    <header className="top">
      <a className="brand" href="#/">
        <img src="/palitra.svg" alt="" width={30} height={30} /> palitra
      </a>
      <nav aria-label="palitra">
        <a href="#/" aria-current={gallery ? undefined : "page"}>
          <Brush aria-hidden size={18} /> {say("create")}
        </a>
        <a href="#/gallery" aria-current={gallery ? "page" : undefined}>
          <Images aria-hidden size={18} /> {say("gallery")}
        </a>
      </nav>
      <div className="top-end">
        {session && session.login !== "required" && (
          <QueueSign operator={session.role === "operator"} />
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
        <IconButton
          label={`${say("theme")}: ${say(NAMES[theme])}`}
          icon={SIGNS[theme]}
          onClick={() => put({ theme: next })}
        />
        {session?.login === "done" && <Logout />}
      </div>
    </header>
  );
}

function QueueSign({ operator }: { operator: boolean }) {
  const say = useSpeech();
  const queue = useQuery({ queryKey: ["queue"], queryFn: api.queue, refetchInterval: 5000 }).data;
  const pause = useCall(api.pause, ["queue"]);
  if (!queue) return null;
  return (
    <>
      {queue.queued > 0 && <span className="queue-sign">{say.many("waiting", queue.queued)}</span>}
      {operator && (queue.paused || queue.queued > 0) && (
        <IconButton
          label={say(queue.paused ? "resume" : "pause")}
          icon={queue.paused ? Play : Pause}
          onClick={() => pause.mutate(!queue.paused)}
        />
      )}
    </>
  );
}

function Logout() {
  const say = useSpeech();
  const logout = useCall(api.logout, ["session", "jobs", "gallery"]);
  return (
    <IconButton label={say("logout")} icon={LogOut} onClick={() => logout.mutate(undefined)} />
  );
}
