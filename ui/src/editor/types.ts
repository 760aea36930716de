// What a script can reach, as TypeScript knows it: the tenant's own declarations, and the language's library without a
// browser's or Node's, for the sandbox has neither.

import { askText } from "./api.ts";
import { announce } from "./dom.ts";
import { typescript } from "./monaco.ts";

/** Where the declarations lie among the files of the TypeScript worker. */
const DECLARATIONS = "file:///skerry/script-api.d.ts";

/** Set how TypeScript reads scripts. The declarations come when the server has sent them. */
export function prepareTypes(): void {
    const shared: typescript.CompilerOptions = {
        target: typescript.ScriptTarget.ESNext,
        module: typescript.ModuleKind.ESNext,
        moduleResolution: typescript.ModuleResolutionKind.NodeJs,
        lib: ["esnext"],
        types: [],
        allowNonTsExtensions: true,
        noEmit: true,
        // The compiler of the server gives each script the scope of a module, whether it exports anything or not.
        moduleDetection: 3,
        isolatedModules: true,
        skipLibCheck: true,
    };
    typescript.typescriptDefaults.setCompilerOptions({ ...shared, strict: true });
    typescript.javascriptDefaults.setCompilerOptions({ ...shared, allowJs: true, checkJs: true, strict: false });
    const diagnostics = {
        noSemanticValidation: false,
        noSyntaxValidation: false,
        // Hints that are no mistakes: a JavaScript author need not say the type of everything.
        noSuggestionDiagnostics: true,
        onlyVisible: true,
    };
    typescript.typescriptDefaults.setDiagnosticsOptions(diagnostics);
    typescript.javascriptDefaults.setDiagnosticsOptions(diagnostics);
    void loadDeclarations();
}

/** Ask for the tenant's declarations: its services, its extension points and the names of its secrets are in them. */
async function loadDeclarations(): Promise<void> {
    const text = await askText("/api/v1/types");
    if (text === null) {
        announce("The types of the script API could not be loaded. Completion knows the language alone.");
        return;
    }
    typescript.typescriptDefaults.setExtraLibs([{ content: text, filePath: DECLARATIONS }]);
    typescript.javascriptDefaults.setExtraLibs([{ content: text, filePath: DECLARATIONS }]);
}
