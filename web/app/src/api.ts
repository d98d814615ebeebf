// Requests to the server this page came from. Every address is relative, so that
// the page works below whatever path a proxy gives it.

const tokenKey = "quell.token";

/** Refused is what the server says instead of an answer. */
export class Refused extends Error {
  constructor(readonly code: number, message: string) { super(message); }
}

/** takeToken reads the token from the address, once, and keeps it for this tab only. */
export function takeToken(): void {
  const m = /[#&]token=([^&]*)/.exec(location.hash);
  if (!m) return;
  setToken(decoded(m[1]));
  const rest = location.hash.replace(m[0], m[0].startsWith("#") ? "#" : "").replace(/^#$/, "");
  history.replaceState(null, "", location.pathname + location.search + rest);
}

export function setToken(t: string): void {
  try { sessionStorage.setItem(tokenKey, t); } catch { /* a browser that keeps nothing: the token lives in memory */ }
  memory = t;
}

let memory = "";

/** base is where the API is, absolute, for workers. */
export const base = (): string => new URL("api/v1/", document.baseURI).href;

export function token(): string {
  try { return sessionStorage.getItem(tokenKey) ?? memory; } catch { return memory; }
}

export const hasToken = (): boolean => token() !== "";

function headers(): Record<string, string> {
  const t = token();
  return t ? { Authorization: "Bearer " + t } : {};
}

let refuse = (): void => {};
/** onRefused sets what is called where a token is asked for. */
export function onRefused(f: () => void): void { refuse = f; }
/** refused is called where a worker was asked for one. */
export const refused = (): void => refuse();

export async function open(path: string, init: RequestInit = {}): Promise<Response> {
  const res = await fetch("api/v1/" + path, { ...init, headers: { ...headers(), ...(init.body ? { "Content-Type": "application/json" } : {}) }, cache: "no-store", credentials: "same-origin" });
  if (res.status === 401) refuse();
  if (!res.ok) throw new Refused(res.status, await sentence(res));
  return res;
}

async function sentence(res: Response): Promise<string> {
  const text = (await res.text()).trim();
  try { return JSON.parse(text).error ?? text; } catch { return text || res.statusText; }
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await open(path, { signal })).json();
}

export async function post<T>(path: string, body?: unknown): Promise<T> {
  return (await open(path, { method: "POST", body: body === undefined ? undefined : JSON.stringify(body) })).json();
}

/** at joins names to a path; each is encoded. */
export const at = (...names: (string | number)[]): string => names.map((n) => encodeURIComponent(n)).join("/");

/** within is at for the path of an address, of which browsers take out segments of dots, escaped or not: those, and a slash, have a tilde in front. */
export const within = (...names: (string | number)[]): string => at(...names.map((n) => /^~*(\.\.?|\/)$/.test(String(n)) ? "~" + n : n));

/** decoded undoes the encoding of a name; what is not encoded rightly, as in an address that somebody typed, stays as it is. */
export function decoded(s: string): string {
  try { return decodeURIComponent(s); } catch { return s; }
}
