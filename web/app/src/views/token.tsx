// Asks for the token where the server wants one.
import { h } from "preact";
import { useRef } from "preact/hooks";
import { setToken } from "../api";
import { Dialog } from "../ui";

export function TokenPrompt({ done, close, wrong }: { done: () => void; close: () => void; wrong: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const submit = (e: Event): void => {
    e.preventDefault();
    setToken(input.current!.value.trim());
    done();
  };
  return (
    <Dialog title="A token is needed" close={close}>
      <form onSubmit={submit}>
        <p>{wrong ? "The token was not taken. " : ""}It is the content of <code>http.token_file</code>; the demo prints its own. It is kept for this tab only, until it is closed.</p>
        <label>Token <input ref={input} type="password" autocomplete="off" data-first required /></label>
        <button type="submit">Continue</button>
      </form>
    </Dialog>
  );
}
