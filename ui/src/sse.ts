// Server-sent events read through `fetch`: unlike `EventSource` it tells why a stream was refused.

/** One event of a stream. */
export interface ServerEvent {
    name: string;
    data: string;
    id: string | null;
}

/** Puts events together from pieces of a stream (HTML standard, section 9.2.6). */
export class EventParser {
    #rest = "";
    #name = "";
    #data: string[] = [];
    #id: string | null = null;

    /** The events that are whole with this piece. */
    push(piece: string): ServerEvent[] {
        const lines = (this.#rest + piece).split("\n");
        this.#rest = lines.pop() ?? "";
        const events: ServerEvent[] = [];
        for (const line of lines) this.#take(line.replace(/\r$/, ""), events);
        return events;
    }

    #take(line: string, events: ServerEvent[]): void {
        if (line === "") {
            if (this.#data.length > 0) events.push({ name: this.#name || "message", data: this.#data.join("\n"), id: this.#id });
            this.#name = "";
            this.#data = [];
            return;
        }
        const at = line.indexOf(":");
        const field = at < 0 ? line : line.slice(0, at);
        const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
        if (field === "event") this.#name = value;
        else if (field === "data") this.#data.push(value);
        else if (field === "id") this.#id = value;
    }
}

/** Who listens to a stream. */
export interface Listener {
    event(event: ServerEvent): void;
    /** The stream is open; `again` where it was before. */
    opened?(again: boolean): void;
    /** It broke, and is tried again in so many milliseconds. */
    broken?(retryMs: number): void;
    /** The server refuses it. Nothing more comes. */
    refused?(status: number): void;
}

const SLOWEST_RETRY_MS = 30_000;

/** Opens a stream and keeps it open; answers what ends it. A hidden page's stream is closed, and opened when it is seen. */
export function listen(address: string, listener: Listener): () => void {
    const stream = new Stream(address, listener);
    const onVisibility = (): void => (document.hidden ? stream.pause() : stream.resume());
    document.addEventListener("visibilitychange", onVisibility);
    stream.resume();
    return () => {
        document.removeEventListener("visibilitychange", onVisibility);
        stream.end();
    };
}

class Stream {
    #aborter: AbortController | null = null;
    #timer: ReturnType<typeof setTimeout> | undefined;
    #failures = 0;
    #wasOpen = false;
    #isOver = false;
    #lastId: string | null = null;

    constructor(
        readonly address: string,
        readonly listener: Listener,
    ) {}

    resume(): void {
        if (this.#isOver || this.#aborter) return;
        clearTimeout(this.#timer);
        this.#aborter = new AbortController();
        void this.#read(this.#aborter);
    }

    pause(): void {
        clearTimeout(this.#timer);
        this.#aborter?.abort();
        this.#aborter = null;
    }

    end(): void {
        this.#isOver = true;
        this.pause();
    }

    async #read(aborter: AbortController): Promise<void> {
        try {
            const headers: Record<string, string> = { Accept: "text/event-stream" };
            if (this.#lastId) headers["Last-Event-ID"] = this.#lastId;
            const response = await fetch(this.address, { headers, signal: aborter.signal, redirect: "error", cache: "no-store" });
            if (!response.ok || !response.body) {
                // Too many streams, or too much to do: it may go better later.
                if (response.status !== 429 && response.status < 500) return this.#refuse(response.status);
                throw new Error(`${response.status}`);
            }
            this.#failures = 0;
            this.listener.opened?.(this.#wasOpen);
            this.#wasOpen = true;
            await this.#drain(response.body, aborter);
        } catch {
            this.#failures += 1;
        }
        if (aborter === this.#aborter) this.#retry();
    }

    async #drain(body: ReadableStream<Uint8Array>, aborter: AbortController): Promise<void> {
        const parser = new EventParser();
        const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
        for (;;) {
            const { value, done } = await reader.read();
            if (done || aborter.signal.aborted) return;
            for (const event of parser.push(value)) {
                if (event.id !== null) this.#lastId = event.id;
                this.listener.event(event);
            }
        }
    }

    #refuse(status: number): void {
        this.end();
        this.listener.refused?.(status);
    }

    #retry(): void {
        this.#aborter = null;
        if (this.#isOver) return;
        const retryMs = Math.min(SLOWEST_RETRY_MS, 1_000 * 2 ** Math.min(this.#failures, 5)) * (0.75 + Math.random() / 2);
        this.listener.broken?.(retryMs);
        this.#timer = setTimeout(() => this.resume(), retryMs);
    }
}
