# Everything that is done with this repository more than once. `./just` lists it.
#
# The host is built with one profile, and always with the features of the whole workspace: Wasmtime takes minutes, and
# is compiled once.

set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

# Tests build our own crates unoptimised, but the sandbox: that takes a minute and not many. What they depend on is the
# same as in the server that is shipped, and built once.
quick := "--config profile.release.package.app.opt-level=0 --config profile.release.package.database.opt-level=0 " + \
    "--config profile.release.package.domain.opt-level=0 --config profile.release.package.server.opt-level=0"

export CARGO_TERM_COLOR := env("CARGO_TERM_COLOR", if env("CI", "") == "true" { "never" } else { "auto" })

[private]
default:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# Build what is missing and start the server: ./just serve [--config FILE …]
serve *ARGS: engine ui
    cargo build --release --workspace --bin skerry
    exec target/release/skerry serve "$@"

# Run the tests, or those that match: ./just test [FILTER …]
test *ARGS: engine ui
    #!/usr/bin/env bash
    set -euo pipefail
    if command -v cargo-nextest >/dev/null; then
        # One that passes at the second try is named as flaky at the end: a defect to look for, not a change to refuse.
        cargo nextest run {{ quick }} --release --workspace --no-fail-fast --retries 1 "$@"
    else
        # Without nextest the counts stand after each test binary; the sum is what a reader wants.
        cargo test {{ quick }} --release --workspace --lib --bins --tests --no-fail-fast -- "$@" | tee target/test.log
        awk '/^test result:/ { passed += $4; failed += $6 } END { printf "%d tests passed, %d failed\n", passed, failed }' target/test.log
    fi
    if [ $# = 0 ]; then
        "{{ just_executable() }}" --justfile "{{ justfile() }}" test-ui
    fi

# Run the tests of the web UI in Chromium, or those of some files: ./just browser [day.test.mjs …]
browser *ARGS: engine ui _browser
    cargo build {{ quick }} --release --workspace --bin skerry
    cd tests/browser && npm test --silent -- "$@"

# Take the pictures of the web UI that are in docs/
screenshots: engine ui _browser
    cargo build {{ quick }} --release --workspace --bin skerry
    cd tests/browser && npm run --silent screenshots

# What the browser tests need: their packages, and Chromium.
_browser:
    #!/usr/bin/env bash
    set -euo pipefail
    "{{ just_executable() }}" --justfile "{{ justfile() }}" _packages tests/browser
    for each in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        if [ -n "$each" ] && command -v "$each" >/dev/null; then exit 0; fi
    done
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        echo "browser: installing Chromium"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation </dev/null >/dev/null
    else
        echo "browser: Chromium is needed: 'sudo apt-get install chromium', or name another one's program in CHROMIUM" >&2
        exit 1
    fi

# Check form and rules: formatting, clippy, documentation, licences
check: ui check-ui
    cargo fmt --all --check
    cargo fmt --manifest-path guest-js-engine/Cargo.toml --all --check
    cargo clippy --release --workspace --all-targets -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --release --workspace --no-deps --quiet
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" types
    @if command -v cargo-deny >/dev/null; then cargo deny --workspace check bans licenses sources; \
        else echo "check: cargo-deny is not installed; licences and sources are left out"; fi

# Check the types of the script API, and its examples, with TypeScript itself
types:
    #!/usr/bin/env bash
    set -euo pipefail
    cd packages/types
    wanted=$(node -p "require('./package.json').devDependencies.typescript")
    found=$(node -p "require('typescript/package.json').version" 2>/dev/null || echo none)
    if [ "$found" != "$wanted" ] && ! npm ci --silent; then
        echo "types: TypeScript $wanted is not installed and cannot be fetched. Where there is a network, 'npm ci' in" \
            "packages/types gets it; without one, put the package into packages/types/node_modules/typescript" >&2
        [ "${CI:-}" = true ] && exit 1
        echo "types: left out"
        exit 0
    fi
    npm test --silent

# Write again what is made from other files: the API's description, the types and the script API's reference
generate: engine ui
    #!/usr/bin/env bash
    set -euo pipefail
    SKERRY_EXAMPLES="$PWD/host/server/src/web/examples.json" \
        cargo test --release --workspace --test it every_operation_answers_everybody -- --nocapture
    cargo build --release --workspace --bin skerry
    skerry=target/release/skerry
    page=docs/script-api.md
    made=$(mktemp -d)
    trap 'rm -r "$made"' EXIT
    "$skerry" openapi >"$made/openapi.json"
    "$skerry" permissions >"$made/permissions"
    "$skerry" types >"$made/types"
    "$skerry" types --reference >"$made/reference"
    awk -v reference="$made/reference" '
        /^<!-- reference: end -->/ { print ""; inside = 0 }
        !inside { print }
        /^<!-- reference: made/ { print ""; while ((getline line <reference) > 0) print line; inside = 1 }
    ' "$page" >"$made/page"
    cp "$made/openapi.json" openapi.json
    cp "$made/permissions" docs/permissions.md
    cp "$made/types" ui/script-api.d.ts
    cp "$made/types" packages/types/index.d.ts
    cp "$made/page" "$page"

# Look for known vulnerabilities in the dependencies (needs cargo-deny and a network)
advisories:
    cargo deny --workspace check advisories
    cargo deny --manifest-path guest-js-engine/Cargo.toml --workspace check advisories

# Hold the API against its own description with schemathesis, on a server of its own: ./just schemathesis [ARGUMENT …] (SEED; needs python3, and a network the first time)
schemathesis *ARGS: engine ui
    cargo build --release --workspace --bin skerry
    tests/schemathesis/run target/release/skerry "$@"

# Run the benchmarks, or those that match: ./just bench [FILTER …]
bench *ARGS: engine ui
    cargo bench --workspace --bench sandbox --bench commit -- "$@"

# Load a server with requests to endpoint scripts, also beside thousands of slow clients, and print rates and latencies
load: engine ui
    ulimit -n "$(ulimit -Hn)" && cargo bench --workspace --bench http

# Page through a list of a million executions (ROWS) by each filter, and print what a page takes
lists: engine ui
    cargo bench --workspace --bench lists

# What the tests do briefly, for long: ./just soak crash|disk|events|neighbours|restart|schedules (KILLS, FAULTS, SEED, EVENTS, SCRIPTS, QUEUED, ROWS, SCHEDULES)
soak WHAT: engine ui
    #!/usr/bin/env bash
    set -euo pipefail
    # Other moments each time; the seed is printed, and gives the same ones again.
    export SEED="${SEED:-$RANDOM}"
    case "$1" in
        crash) KILLS="${KILLS:-300}" exec cargo test --release --workspace --test process kills -- --nocapture ;;
        disk) FAULTS="${FAULTS:-50}" exec cargo test --release --workspace --test process faults -- --nocapture ;;
        events) SKERRY_SOAK_EVENTS="${EVENTS:-1000000}" exec cargo test --release --workspace --lib of_many_events_with_failing_scripts -- --nocapture ;;
        schedules) SCHEDULES="${SCHEDULES:-10000}" exec cargo test --release --workspace --lib schedules::tests::simulation -- --nocapture ;;
        neighbours|restart) exec cargo bench --workspace --bench "$1" ;;
        *) echo "soak: there is crash, disk, events, neighbours, restart and schedules, and no '$1'" >&2 && exit 1 ;;
    esac

# Everything that has to hold before a change is merged, from a fresh clone
ci: _prepare engine ui check test
    cargo bench {{ quick }} --workspace --bench sandbox --bench commit -- --test

# Bundle the browser side into target/ui, where its sources changed
ui:
    #!/usr/bin/env bash
    set -euo pipefail
    sha256=$(command -v sha256sum || echo "shasum -a 256")
    out=$PWD/target/ui
    cd ui
    # The templates are compiled into the server, and are no part of it.
    made_from=$(find . -type f ! -path './node_modules/*' ! -path './templates/*' ! -path './tests/*' ! -name '*.md' \
        | LC_ALL=C sort | xargs $sha256 | $sha256)
    if [ "$(cat "$out/made-from" 2>/dev/null)" = "$made_from" ]; then exit 0; fi
    echo "ui: its sources changed; bundling it"
    "{{ just_executable() }}" --justfile "{{ justfile() }}" _packages ui
    node build.mjs
    echo "$made_from" >"$out/made-from"
    ls -l "$out"/assets/*.br | awk '{ sum += $5 } END { printf "ui: %d files, %d KiB compressed\n", NR, sum / 1024 }'

# Check the types of the browser side
[private]
check-ui: (_packages "ui")
    cd ui && npm run --silent check

# Run the tests of what needs no browser of the browser side
[private]
test-ui: (_packages "ui")
    cd ui && npm test --silent

# The npm packages of a directory, as its `package-lock.json` has them.
_packages DIRECTORY:
    #!/usr/bin/env bash
    set -euo pipefail
    cd "$1"
    cmp -s package-lock.json node_modules/.installed-from && exit 0
    if ! command -v npm >/dev/null; then
        echo "$1: Node.js 20 or later is needed, with npm: 'apt-get install nodejs npm', or see https://nodejs.org" >&2
        exit 1
    fi
    npm ci --silent --no-audit --no-fund
    cp package-lock.json node_modules/.installed-from

# Build the JavaScript engine and the compiler into target/engine, where their sources changed
engine:
    #!/usr/bin/env bash
    set -euo pipefail
    sha256=$(command -v sha256sum || echo "shasum -a 256")
    digest() {
        find guest-js-engine/{src,compiler,assemble,toolchain,Cargo.toml,Cargo.lock} wit host/runtime/src/config.rs \
            -type f ! -path 'wit/script-api/*' | LC_ALL=C sort | xargs $sha256
        # Of the host's dependencies those that make or run Wasm.
        grep -E -A1 '^name = "(cranelift|wasi-preview1|wasm|wit-)' Cargo.lock
        guest-js-engine/toolchain name
    }
    out=target/engine
    guest-js-engine/toolchain install
    # Taken before the build: what changes while it runs is built the next time.
    made_from=$(digest | $sha256)
    if [ "$(cat "$out/made-from" 2>/dev/null)" = "$made_from" ]; then exit 0; fi
    echo "engine: its sources changed; building it"
    guest-js-engine/toolchain build
    cargo build --release --workspace --bin assemble
    modules=target/guest/wasm32-wasip1/release
    target/release/assemble --engine $modules/guest_js_engine.wasm --compiler $modules/skerry_compiler.wasm --out $out
    echo "$made_from" >"$out/made-from"
    ls -l $out/*.wasm $out/*.cwasm | awk '{ printf "engine: %7d KiB  %s\n", $5 / 1024, $NF }'

# Get what builds the guest: rustup's target, or Debian's packages
toolchain:
    @guest-js-engine/toolchain install
    @guest-js-engine/toolchain name

# Format all Rust sources
fmt:
    cargo fmt --all
    cargo fmt --manifest-path guest-js-engine/Cargo.toml --all

# On a machine made for continuous integration: what is missing is installed without asking.
[private]
_prepare:
    #!/usr/bin/env bash
    set -euo pipefail
    [ "${CI:-}" = true ] || exit 0
    if ! command -v cc >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        echo "ci: installing a C compiler"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev </dev/null
    fi
    for component in rustfmt clippy; do
        cargo "${component/rust/}" --version >/dev/null 2>&1 || rustup component add "$component"
    done
