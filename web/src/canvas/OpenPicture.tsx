import type { LucideIcon } from "lucide-react";
import { useRef } from "react";
import { IconButton } from "../shell/IconButton";
import { useNotice } from "../shell/notice";
import { useSpeech } from "../shell/settings";
import { EMPTY } from "./document";
import { intake } from "./pictures";
import { useDrawing } from "./store";

interface Props {
  target: "drawing" | "photo";
  label: string;
  icon: LucideIcon;
  wide?: boolean;
}

/** A button that asks for a picture and puts it into the drawing. */
export function OpenPicture({ target, label, icon: Icon, wide = false }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const open = useOpenPicture();
  const ask = () => input.current?.click();
  return (
    <>
      {wide ? (
        <button type="button" className="button quiet" onClick={ask}>
          <Icon aria-hidden size={18} /> {label}
        </button>
      ) : (
        <IconButton label={label} icon={Icon} onClick={ask} />
      )}
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        aria-label={label}
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) void open(file, target);
        }}
      />
    </>
  );
}

/** Puts a picture file into the drawing, or says that it is none. */
export function useOpenPicture() {
  const say = useSpeech();
  const tell = useNotice((notice) => notice.tell);
  return async (file: Blob, target: "drawing" | "photo") => {
    try {
      const picture = await intake(file);
      const { desk, history, edit } = useDrawing.getState();
      // another photo to change takes its mask with it
      edit(desk === "photo" ? { ...EMPTY, photo: picture } : { ...history.now, [target]: picture });
    } catch {
      tell(say("notPicture"));
    }
  };
}
