// Two texts side by side, or one above the other where there is little room.

import { makeModel, monaco, PLAIN, SHARED_OPTIONS } from "./monaco.ts";

/** Below this width of the view the texts stand one above the other. */
const SIDE_BY_SIDE_MIN = 800;

/** A text and what it is called. */
export interface Side {
    label: string;
    source: string;
}

/** Show what differs. The texts are to be read, unless `edits` is told of changes of the right one. */
export function showDiff(into: HTMLElement, left: Side, right: Side, edits?: (text: string) => void): monaco.editor.IStandaloneDiffEditor {
    const editor = monaco.editor.createDiffEditor(into, {
        ...SHARED_OPTIONS,
        readOnly: !edits,
        originalEditable: false,
        renderSideBySide: true,
        useInlineViewWhenSpaceIsLimited: true,
        renderSideBySideInlineBreakpoint: SIDE_BY_SIDE_MIN,
        hideUnchangedRegions: { enabled: true },
        diffAlgorithm: "advanced",
        originalAriaLabel: left.label,
        modifiedAriaLabel: right.label,
        renderOverviewRuler: false,
        // Diffs are looked at; checking them again marks what the editor marks already.
        glyphMargin: false,
    });
    const original = makeModel(left.source, PLAIN);
    const modified = makeModel(right.source, PLAIN);
    editor.setModel({ original, modified });
    if (edits) modified.onDidChangeContent(() => edits(modified.getValue()));
    editor.onDidDispose(() => {
        original.dispose();
        modified.dispose();
    });
    return editor;
}
