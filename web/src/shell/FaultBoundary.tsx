import { Component, type ReactNode } from "react";
import { speech } from "../i18n/text";
import { useSettings } from "./settings";

/** A fault of ours shows a sentence instead of an empty window. */
export class FaultBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    const say = speech(useSettings.getState().language);
    return (
      <div className="failure" role="alert">
        <p>{say("unexpected")}</p>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          {say("reload")}
        </button>
      </div>
    );
  }
}
