import { KeyRound } from "lucide-react";
import { useState } from "react";
import { api } from "../api/client";
import { useSpeech } from "./settings";
import { useCall } from "./useCall";

/** Asks for a key where the operator wants one. */
export function Login() {
  const say = useSpeech();
  const [key, type] = useState("");
  const login = useCall(api.login, ["session", "jobs", "gallery", "models"]);
  return (
    <form
      className="login"
      onSubmit={(event) => {
        event.preventDefault();
        login.mutate(key.trim());
      }}
    >
      <KeyRound aria-hidden size={32} strokeWidth={1.5} />
      <h2>{say("loginTitle")}</h2>
      <p>{say("loginText")}</p>
      <label htmlFor="key">{say("loginKey")}</label>
      <input
        id="key"
        type="password"
        autoComplete="current-password"
        required
        value={key}
        onChange={(event) => type(event.target.value)}
      />
      <button type="submit" className="button primary" disabled={login.isPending}>
        {say("login")}
      </button>
    </form>
  );
}
