// One chart, drawn by uPlot from a table: the first column is time (`<time datetime>`), each other one a series of numbers
// (`data-value` where the text has a unit). The table stays beside it for whoever reads rather than looks.

import uPlot from "uplot";

/** The names of the series' colours in the style sheet, in their order. */
const COLOURS = ["--accent", "--running", "--limit", "--failed", "--success", "--neutral"];

/** What a table says: moments in seconds, and the series. */
interface Table {
    moments: number[];
    series: { name: string; colour: string; values: (number | null)[] }[];
}

/** Draws a chart into its place, and again where the place or the colours change: of one column, or of all. */
export function draw(place: HTMLElement, table: HTMLTableElement, column?: string): void {
    const read = readTable(table, column);
    if (read.moments.length === 0) return;
    let plot: uPlot | undefined;
    const legend = legendOf(read);
    const again = (): void => {
        if (!place.isConnected) return watch.disconnect();
        plot?.destroy();
        place.replaceChildren(legend);
        plot = plotOf(place, read, place.clientHeight - legend.offsetHeight - 16);
    };
    let width = 0;
    const watch = new ResizeObserver(([entry]) => {
        const now = Math.round(entry?.contentRect.width ?? 0);
        if (now === width) return;
        width = now;
        again();
    });
    place.setAttribute("aria-hidden", "true");
    watch.observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    document.addEventListener("skerry:theme", again);
}

function readTable(table: HTMLTableElement, column?: string): Table {
    const all = [...(table.tHead?.rows[0]?.cells ?? [])].slice(1);
    const heads = column ? all.filter((head) => nameOf(head) === column.trim().toLowerCase()) : all;
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const read = rows
        .map((row) => ({
            at: secondsIn(row.cells[0]),
            values: heads.map((head) => numberIn(row.cells[head.cellIndex])),
        }))
        .filter(({ at }) => !Number.isNaN(at))
        .sort((a, b) => a.at - b.at);
    return {
        moments: read.map(({ at }) => at),
        series: heads.map((head, index) => ({
            name: head.textContent.trim(),
            colour: head.dataset["colour"] ? `--${head.dataset["colour"]}` : (COLOURS[index % COLOURS.length] ?? "--accent"),
            values: read.map(({ values }) => values[index] ?? null),
        })),
    };
}

function nameOf(head: HTMLElement): string {
    return (head.dataset["name"] ?? head.textContent).trim().toLowerCase();
}

/** A moment in seconds: `<time>`, or `data-value` in days, seconds or milliseconds since 1970, as large as it is. */
function secondsIn(cell: HTMLTableCellElement | undefined): number {
    const said = cell?.querySelector("time")?.dateTime ?? cell?.dataset["value"] ?? cell?.textContent ?? "";
    if (!/^\d+$/.test(said)) return Date.parse(said) / 1_000;
    const number = Number(said);
    return number < 1e6 ? number * 86_400 : number < 1e11 ? number : number / 1_000;
}

function numberIn(cell: HTMLTableCellElement | undefined): number | null {
    const text = cell?.dataset["value"] ?? cell?.textContent.replace(/[\s,  ]/g, "") ?? "";
    const number = Number.parseFloat(text);
    return Number.isFinite(number) ? number : null;
}

function legendOf({ series }: Table): HTMLElement {
    const legend = document.createElement("div");
    legend.className = "chart-legend";
    for (const { name, colour } of series) {
        const entry = document.createElement("span");
        const mark = document.createElement("i");
        mark.style.setProperty("--colour", `var(${colour})`);
        const value = document.createElement("b");
        entry.append(mark, `${name} `, value);
        legend.append(entry);
    }
    return legend;
}

function plotOf(place: HTMLElement, { moments, series }: Table, height: number): uPlot {
    const colour = (name: string): string => resolved(place, name);
    const axis: uPlot.Axis = {
        stroke: colour("--ink-muted"),
        grid: { stroke: colour("--line"), width: 1 },
        ticks: { show: false },
        font: "12px system-ui, sans-serif",
    };
    const bars = place.dataset["chart"] === "bars" ? uPlot.paths.bars?.({ size: [0.8, 40] }) : undefined;
    const values = [...place.querySelectorAll<HTMLElement>(".chart-legend b")];
    return new uPlot(
        {
            width: place.clientWidth - 16,
            height: Math.max(80, height),
            legend: { show: false },
            cursor: { y: false, drag: { x: false, y: false } },
            padding: [8, 24, 0, 0],
            scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max * 1.05, 1)] } },
            axes: [{ ...axis, values: (plot, ticks) => ticks.map((tick) => moment(tick, plot)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => short(tick, place.dataset["unit"])) }],
            series: [
                {},
                ...series.map((line): uPlot.Series => ({
                    label: line.name,
                    stroke: colour(line.colour),
                    width: 1.5,
                    points: { show: moments.length === 1 },
                    ...(bars ? { paths: bars, fill: colour(line.colour), width: 0 } : {}),
                })),
            ],
            hooks: {
                setCursor: [
                    (plot) => {
                        const at = plot.cursor.idx;
                        values.forEach((value, index) => {
                            const number = typeof at === "number" ? series[index]?.values[at] : null;
                            value.textContent = typeof number === "number" ? short(number, place.dataset["unit"]) : "";
                        });
                    },
                ],
            },
        },
        [moments, ...series.map((line) => line.values)],
        place,
    );
}

/** A custom property's colour, as canvas takes it: the pair of light and dark is decided by the element. */
function resolved(place: HTMLElement, name: string): string {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    place.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
}

/** A moment of the axis: the day, or the time of day where the axis is short. */
function moment(seconds: number, plot: uPlot): string {
    const { min = 0, max = 0 } = plot.scales["x"] ?? {};
    const isLong = (max ?? 0) - (min ?? 0) > 2 * 86_400;
    const format: Intl.DateTimeFormatOptions = isLong ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    return new Intl.DateTimeFormat("en-GB", format).format(seconds * 1_000);
}

/** A number in a few characters: `1.2 M`, `3.4 MiB`, `250 ms`. */
function short(value: number, unit = ""): string {
    const isBytes = unit === "bytes";
    const base = isBytes ? 1_024 : 1_000;
    const steps = isBytes ? ["B", "KiB", "MiB", "GiB", "TiB"] : ["", "k", "M", "G", "T"];
    let step = 0;
    let size = value;
    while (Math.abs(size) >= base && step + 1 < steps.length) {
        size /= base;
        step += 1;
    }
    const digits = size !== 0 && Math.abs(size) < 10 && !Number.isInteger(size) ? size.toFixed(1) : String(Math.round(size));
    return [digits, steps[step], isBytes ? "" : unit].filter(Boolean).join(" ");
}
