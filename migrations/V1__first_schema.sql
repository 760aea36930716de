-- The first schema. One text for SQLite and PostgreSQL: text UUIDs, BIGINT Unix milliseconds, BOOLEAN, JSON as TEXT,
-- BYTEA for bytes (SQLite takes any type name). A PostgreSQL database for it is made with the collation "C", so that
-- text sorts by bytes in both.
--
-- A migration that was released is never edited: the next change is the next file.
--
-- Every table that belongs to a tenant has tenant_id first in its primary key and in each foreign key, so that no row
-- can refer to a row of another tenant. "Sealed" bytes are encrypted by the application before they come here.

-- The deployment itself: one row.
CREATE TABLE deployment (
    id               BIGINT  NOT NULL PRIMARY KEY CHECK (id = 1),
    created_at       BIGINT  NOT NULL,
    -- Counts the processes that opened this database; an execution is owned by the epoch that runs it.
    epoch            BIGINT  NOT NULL,
    -- No revision at or above it was ever given out, so that revisions never go back, also over restarts.
    revision_ceiling BIGINT  NOT NULL
);
INSERT INTO deployment (id, created_at, epoch, revision_ceiling) VALUES (1, 0, 0, 1);

-- A tenant's row is never removed: a slug is not used twice, and without its key nothing that was sealed can be read.
CREATE TABLE tenants (
    id            TEXT    NOT NULL PRIMARY KEY,
    slug          TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    -- The tenant's key, wrapped by a key outside the database; NULL once it is destroyed.
    sealed_key    BYTEA,
    -- The plan's limits of an execution as JSON; NULL where the system's stand.
    limits        TEXT,
    -- Bytes of storage entries and documents, kept with each write.
    storage_bytes BIGINT  NOT NULL DEFAULT 0,
    created_at    BIGINT  NOT NULL
);

CREATE TABLE users (
    id          TEXT    NOT NULL PRIMARY KEY,
    email       TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    is_operator BOOLEAN NOT NULL DEFAULT FALSE,
    created_at  BIGINT  NOT NULL
);

-- Who belongs to a tenant. A removed member's row stays, because scripts and tokens refer to it.
CREATE TABLE memberships (
    tenant_id   TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    permissions TEXT   NOT NULL,
    status      TEXT   NOT NULL CHECK (status IN ('active', 'removed')),
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX idx_memberships_user ON memberships (user_id);

CREATE TABLE api_tokens (
    tenant_id    TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    user_id      TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    secret_hash  BYTEA  NOT NULL,
    permissions  TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
);
-- Whoever presents a token names no tenant: the token's id leads to it.
CREATE UNIQUE INDEX idx_api_tokens_id ON api_tokens (id);

CREATE TABLE scripts (
    tenant_id           TEXT    NOT NULL,
    id                  TEXT    NOT NULL,
    name                TEXT    NOT NULL,
    description         TEXT    NOT NULL DEFAULT '',
    kind                TEXT    NOT NULL CHECK (kind IN ('cron', 'endpoint', 'event', 'embedded', 'one_off')),
    language            TEXT    NOT NULL CHECK (language IN ('javascript', 'typescript')),
    is_active           BOOLEAN NOT NULL DEFAULT TRUE,
    draft_revision      BIGINT  NOT NULL DEFAULT 1,
    -- The script's own limits as JSON; NULL where the tenant's stand.
    limits              TEXT,
    capabilities        TEXT    NOT NULL,
    capabilities_set_by TEXT,
    record              TEXT    NOT NULL CHECK (record IN ('full', 'metadata', 'off')),
    created_at          BIGINT  NOT NULL,
    updated_at          BIGINT  NOT NULL,
    created_by          TEXT,
    draft_source        TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT unique_script_name_per_tenant UNIQUE (tenant_id, name),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id),
    FOREIGN KEY (tenant_id, capabilities_set_by) REFERENCES memberships (tenant_id, user_id)
);
CREATE INDEX idx_scripts_tenant_kind ON scripts (tenant_id, kind);
CREATE INDEX idx_scripts_tenant_active ON scripts (tenant_id, is_active);

CREATE TABLE script_versions (
    tenant_id      TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    script_id      TEXT   NOT NULL,
    number         BIGINT NOT NULL CHECK (number > 0),
    language       TEXT   NOT NULL CHECK (language IN ('javascript', 'typescript')),
    capabilities   TEXT   NOT NULL,
    limits         TEXT,
    author         TEXT,
    change_summary TEXT   NOT NULL DEFAULT '',
    created_at     BIGINT NOT NULL,
    source         TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT unique_version_per_script UNIQUE (tenant_id, script_id, number),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, author) REFERENCES memberships (tenant_id, user_id)
);

-- The version of a script that runs, and who made it run: that person's rights are the script's. A table of its own
-- and no column of scripts, because two tables that refer to each other cannot be created in one way everywhere.
CREATE TABLE active_versions (
    tenant_id    TEXT   NOT NULL,
    script_id    TEXT   NOT NULL,
    version_id   TEXT   NOT NULL,
    deployed_by  TEXT,
    deployed_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, script_id),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, version_id) REFERENCES script_versions (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, deployed_by) REFERENCES memberships (tenant_id, user_id)
);
CREATE INDEX idx_active_versions_version ON active_versions (tenant_id, version_id);

-- What was made of a version for one build of the engine. The application verifies mac before it uses a row.
CREATE TABLE artifacts (
    tenant_id     TEXT    NOT NULL,
    version_id    TEXT    NOT NULL,
    engine_build  TEXT    NOT NULL,
    load_fuel     BIGINT  NOT NULL,
    is_pure       BOOLEAN NOT NULL,
    impure_reason TEXT,
    mac           BYTEA   NOT NULL,
    source_map    TEXT,
    bytecode      BYTEA   NOT NULL,
    PRIMARY KEY (tenant_id, version_id),
    FOREIGN KEY (tenant_id, version_id) REFERENCES script_versions (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE endpoints (
    tenant_id      TEXT   NOT NULL,
    script_id      TEXT   NOT NULL,
    method         TEXT   NOT NULL,
    path           TEXT   NOT NULL,
    -- The path without its parameters' names: two routes of one shape answer the same requests.
    shape          TEXT   NOT NULL,
    authentication TEXT   NOT NULL CHECK (authentication IN ('public', 'token')),
    set_by         TEXT,
    set_at         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, script_id),
    CONSTRAINT unique_endpoint_per_tenant UNIQUE (tenant_id, path, method),
    CONSTRAINT unique_endpoint_shape_per_tenant UNIQUE (tenant_id, method, shape),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);

-- Executions. Neither version nor actor is a foreign key: a version goes only with its script, which takes its
-- executions along, and what was true of an actor stays true. The large columns come last, so that a list does not
-- read them.
CREATE TABLE executions (
    tenant_id         TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    script_id         TEXT    NOT NULL,
    version_id        TEXT    NOT NULL,
    triggered_by      TEXT    NOT NULL CHECK (triggered_by IN ('cron', 'endpoint', 'event', 'embedded', 'manual', 'api', 'retry', 'replay', 'system')),
    actor             TEXT    NOT NULL CHECK (actor IN ('token', 'local', 'public', 'system')),
    actor_user_id     TEXT,
    actor_token_id    TEXT,
    status            TEXT    NOT NULL CHECK (status IN ('pending', 'running', 'success', 'failed', 'timeout', 'cancelled')),
    attempt           BIGINT  NOT NULL CHECK (attempt > 0),
    owner_epoch       BIGINT  NOT NULL,
    error_kind        TEXT    CHECK (error_kind IN ('user_error', 'syntax', 'timeout', 'cpu_limit', 'memory_limit', 'stack_overflow', 'output_limit', 'hostcall_limit', 'unresolved_promise', 'capability_denied', 'egress_denied', 'quota', 'conflict', 'cancelled', 'interrupted', 'engine_fault', 'internal')),
    fuel              BIGINT  NOT NULL DEFAULT 0,
    peak_memory_bytes BIGINT  NOT NULL DEFAULT 0,
    host_calls        BIGINT  NOT NULL DEFAULT 0,
    logs_truncated    BOOLEAN NOT NULL DEFAULT FALSE,
    accepted_at       BIGINT  NOT NULL,
    -- While it waits: when it was accepted. Never NULL, because NULL sorts differently in the two databases.
    started_at        BIGINT  NOT NULL,
    completed_at      BIGINT,
    duration_us       BIGINT,
    -- Sealed.
    error             BYTEA,
    input             BYTEA,
    result            BYTEA,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE
);
-- These three and no more: each one is written with every execution.
CREATE INDEX idx_executions_tenant_script ON executions (tenant_id, script_id, started_at DESC, id DESC);
CREATE INDEX idx_executions_tenant_status ON executions (tenant_id, status, started_at DESC, id DESC);
CREATE INDEX idx_executions_started_at ON executions (tenant_id, started_at DESC, id DESC);

-- What was recorded of an attempt, sealed: one row of bytes, beside the executions so that their lists stay fast.
CREATE TABLE execution_records (
    tenant_id    TEXT   NOT NULL,
    execution_id TEXT   NOT NULL,
    attempt      BIGINT NOT NULL CHECK (attempt > 0),
    logs         BYTEA  NOT NULL,
    journal      BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, execution_id, attempt),
    FOREIGN KEY (tenant_id, execution_id) REFERENCES executions (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE storage_entries (
    tenant_id  TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    expires_at BIGINT,
    updated_at BIGINT NOT NULL,
    value      TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, key),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_storage_entries_expiry ON storage_entries (tenant_id, expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE collections (
    tenant_id  TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    schema     TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE documents (
    tenant_id  TEXT   NOT NULL,
    collection TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, collection, id),
    FOREIGN KEY (tenant_id, collection) REFERENCES collections (tenant_id, name) ON DELETE CASCADE
);

-- Published events. Ids are the source's own, as CloudEvents has it. No foreign key to executions: an event that waits
-- for its subscriber outlives the history of whoever published it.
CREATE TABLE outbox_events (
    tenant_id    TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    execution_id TEXT,
    -- The order of events: by commit, then by their place in it.
    revision     BIGINT NOT NULL,
    ordinal      BIGINT NOT NULL,
    type         TEXT   NOT NULL,
    subject      TEXT,
    time         BIGINT NOT NULL,
    hop          BIGINT NOT NULL CHECK (hop >= 0),
    root         TEXT   NOT NULL,
    -- Sealed.
    data         BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, source, id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_outbox_events_order ON outbox_events (tenant_id, revision, ordinal);

CREATE TABLE usage (
    tenant_id  TEXT   NOT NULL,
    -- Days since 1970-01-01, in UTC.
    day        BIGINT NOT NULL,
    executions BIGINT NOT NULL,
    fuel       BIGINT NOT NULL,
    host_calls BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, day),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
