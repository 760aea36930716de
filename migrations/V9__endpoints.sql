-- Endpoints: signatures as a third way to know a caller, several methods each, and how requests are taken beside that.

ALTER TABLE endpoints RENAME TO endpoints_before;
CREATE TABLE endpoints (
    tenant_id      TEXT   NOT NULL,
    script_id      TEXT   NOT NULL,
    -- ANY, or methods with commas between; endpoint_methods has each.
    method         TEXT   NOT NULL,
    path           TEXT   NOT NULL,
    authentication TEXT   NOT NULL CHECK (authentication IN ('public', 'token', 'hmac')),
    -- Signature, limits, CORS and the rest as JSON; NULL where the defaults stand.
    options        TEXT,
    set_by         TEXT,
    set_at         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, script_id),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);
INSERT INTO endpoints (tenant_id, script_id, method, path, authentication, set_by, set_at)
SELECT tenant_id, script_id, method, path, authentication, set_by, set_at FROM endpoints_before;

-- Each method of each endpoint, so that no two of a tenant answer the same requests.
CREATE TABLE endpoint_methods (
    tenant_id TEXT NOT NULL,
    script_id TEXT NOT NULL,
    method    TEXT NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    -- The path without its parameters' names.
    shape     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, script_id, method),
    CONSTRAINT unique_endpoint_method_per_tenant UNIQUE (tenant_id, method, shape),
    FOREIGN KEY (tenant_id, script_id) REFERENCES endpoints (tenant_id, script_id) ON DELETE CASCADE
);
INSERT INTO endpoint_methods (tenant_id, script_id, method, shape)
SELECT tenant_id, script_id, method, shape FROM endpoints_before;
DROP TABLE endpoints_before;

-- What requests to an endpoint are signed with: two that are live at once, so that one can follow the other.
CREATE TABLE endpoint_secrets (
    tenant_id TEXT   NOT NULL,
    script_id TEXT   NOT NULL,
    slot      TEXT   NOT NULL CHECK (slot IN ('primary', 'secondary')),
    set_by    TEXT,
    set_at    BIGINT NOT NULL,
    -- Sealed, for this endpoint and slot alone.
    value     BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, script_id, slot),
    FOREIGN KEY (tenant_id, script_id) REFERENCES endpoints (tenant_id, script_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);

-- Requests that came with a key to be told again by: one execution answers all that have the same. No foreign key to
-- scripts: a row is part of its tenant's storage until it has expired, and is taken off there when it goes.
CREATE TABLE endpoint_answers (
    tenant_id    TEXT    NOT NULL,
    -- A keyed hash over endpoint, method, path and query, caller and key.
    request      BYTEA   NOT NULL,
    -- A keyed hash over the body.
    body         BYTEA   NOT NULL,
    execution_id TEXT    NOT NULL,
    -- running: the process of owner_epoch answers it, or did when it ended. answered: the answer is the execution's
    -- result. accepted: the answer was that it is accepted.
    state        TEXT    NOT NULL CHECK (state IN ('running', 'answered', 'accepted')),
    owner_epoch  BIGINT  NOT NULL,
    stored_bytes BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, request),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_endpoint_answers_expiry ON endpoint_answers (tenant_id, expires_at);
