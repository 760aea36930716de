// Starts Monaco's workers, each a module of this server's own. Only the editor's pages need it.

/** The files of the workers, beside the bundle that starts them; the build writes it. */
declare const EDITOR_WORKERS: Record<"editor.worker" | "ts.worker" | "json.worker", string>;

/** A worker for one of Monaco's languages: what `MonacoEnvironment.getWorker` answers. */
export function worker(label: string): Worker {
    const name = label === "typescript" || label === "javascript" ? "ts.worker" : label === "json" ? "json.worker" : "editor.worker";
    return new Worker(new URL(EDITOR_WORKERS[name], import.meta.url), { type: "module", name: label });
}
