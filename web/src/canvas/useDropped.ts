import { useEffect, useState } from "react";
import { useOpenPicture } from "./OpenPicture";

/** Pictures dropped or pasted anywhere become what lies on the page. Returns whether one hangs over the page. */
export function useDropped(): boolean {
  const [over, put] = useState(false);
  const open = useOpenPicture();
  useEffect(() => {
    const take = (event: Event, files: DataTransfer | null) => {
      const file = [...(files?.files ?? [])].find((each) => each.type.startsWith("image/"));
      if (!file) return;
      event.preventDefault();
      void open(file, "drawing");
    };
    const paste = (event: ClipboardEvent) => take(event, event.clipboardData);
    const drop = (event: DragEvent) => {
      put(false);
      take(event, event.dataTransfer);
    };
    const drag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      put(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) put(false);
    };
    window.addEventListener("paste", paste);
    window.addEventListener("drop", drop);
    window.addEventListener("dragover", drag);
    window.addEventListener("dragleave", leave);
    return () => {
      window.removeEventListener("paste", paste);
      window.removeEventListener("drop", drop);
      window.removeEventListener("dragover", drag);
      window.removeEventListener("dragleave", leave);
    };
  }, [open]);
  return over;
}
