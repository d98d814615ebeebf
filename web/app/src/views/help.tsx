// Which keys there are.
import { h } from "preact";
import { useState } from "preact/hooks";
import { keysOff, known, setKeysOff, type Key } from "../keys";
import { Dialog } from "../ui";

const names: Record<string, string> = { " ": "space", Enter: "enter", Escape: "esc" };

export function Help({ close }: { close: () => void }) {
  const [off, setOff] = useState(keysOff());
  const groups = new Map<string, Key[]>();
  const seen = new Set<string>();
  for (const k of known()) {
    if (seen.has(k.key)) continue;
    seen.add(k.key);
    const g = k.group ?? "Page";
    groups.set(g, [...(groups.get(g) ?? []), k]);
  }
  groups.set("In a chart", [
    { key: "← →", help: "move the cursor and read it out", run: () => {} }, { key: "home end", help: "first and last value", run: () => {} },
    { key: "drag", help: "zoom to what is selected", run: () => {} }, { key: "wheel", help: "zoom, once the chart is clicked or with shift", run: () => {} }, { key: "2× click", help: "follow the newest", run: () => {} },
  ]);
  return (
    <Dialog title="Keys" close={close}>
      <div class="keys">
        {[...groups].map(([name, keys]) => (
          <section key={name}><h3>{name}</h3><dl>{keys.map((k) => [<dt><kbd>{names[k.key] ?? k.key}</kbd></dt>, <dd>{k.help}</dd>])}</dl></section>
        ))}
      </div>
      <label class="check"><input type="checkbox" checked={!off} onChange={(e) => { setKeysOff(!e.currentTarget.checked); setOff(!e.currentTarget.checked); }} /> keys of one letter are on</label>
    </Dialog>
  );
}
