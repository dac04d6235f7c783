import { Maximize, ZoomIn, ZoomOut } from "lucide-react";
import { IconButton } from "../shell/IconButton";
import { useSpeech } from "../shell/settings";

interface Props {
  scale: number;
  zoom: (factor: number) => void;
  reset: () => void;
}

/** Zoom buttons in the page's corner. */
export function ZoomBar({ scale, zoom, reset }: Props) {
  const say = useSpeech();
  return (
    <div className="zoom-bar">
      <IconButton
        label={say("zoomOut")}
        icon={ZoomOut}
        onClick={() => zoom(1 / 1.5)}
        disabled={scale <= 1}
      />
      <IconButton
        label={say("zoomIn")}
        icon={ZoomIn}
        onClick={() => zoom(1.5)}
        disabled={scale >= 8}
      />
      {scale > 1 && <IconButton label={say("zoomFit")} icon={Maximize} onClick={reset} />}
    </div>
  );
}
