// The worker that all pages of a browser share: it has their live streams.
import { Pool } from "./pool";

const pool = new Pool();
setInterval(() => pool.sweep(), 10_000);

(self as unknown as { onconnect: (e: MessageEvent) => void }).onconnect = (e) => {
  const port = e.ports[0];
  const page = (told: unknown): void => port.postMessage(told);
  port.onmessage = (m) => (m.data ? pool.wish(page, m.data) : pool.leave(page));
};
