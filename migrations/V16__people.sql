-- People: roles of tenants' own, invitations, operators' tokens, and the plans that tenants are on.

-- A tenant's own roles. What the built-in ones may do is no row: it stands in the program.
CREATE TABLE roles (
    tenant_id   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    description TEXT   NOT NULL DEFAULT '',
    -- What it was given. What it gives is that of it which set_by holds.
    permissions TEXT   NOT NULL,
    set_by      TEXT,
    revision    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);

-- The member's role, built in or the tenant's own; NULL where the rights are a set of their own. memberships.permissions
-- has what the role gives now: it is written anew whenever that changes.
ALTER TABLE memberships ADD COLUMN role TEXT;
-- The write that changed it last.
ALTER TABLE memberships ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
UPDATE memberships SET role = 'admin' WHERE permissions = '*';
CREATE INDEX idx_memberships_role ON memberships (tenant_id, role);

CREATE TABLE invitations (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    -- Whom it is for, and as what.
    email       TEXT    NOT NULL,
    role        TEXT    NOT NULL,
    secret_hash BYTEA   NOT NULL,
    -- The member who invites, whose rights bound the role; NULL where an operator does, who is then in operator_id.
    invited_by  TEXT,
    operator_id TEXT,
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    accepted_at BIGINT,
    accepted_by TEXT,
    revoked_at  BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (tenant_id, invited_by) REFERENCES memberships (tenant_id, user_id)
);
-- Whoever presents one names no tenant: its id leads to it.
CREATE UNIQUE INDEX idx_invitations_id ON invitations (id);

-- NULL for a user who may act. One who may not has no rights anywhere, and keeps nothing running.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;

-- Tokens of the deployment's own: whoever presents one acts as the operator whose it is.
CREATE TABLE operator_tokens (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    secret_hash  BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT,
    FOREIGN KEY (user_id) REFERENCES users (id)
);

-- Limits and quotas under a name. A tenant's own, where it has some, stand above those of its plan.
CREATE TABLE plans (
    name        TEXT   NOT NULL PRIMARY KEY,
    description TEXT   NOT NULL DEFAULT '',
    limits      TEXT,
    quotas      TEXT,
    revision    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
ALTER TABLE tenants ADD COLUMN plan TEXT;
-- Why it is suspended, for its members.
ALTER TABLE tenants ADD COLUMN suspended_reason TEXT;
-- The write that changed it last.
ALTER TABLE tenants ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
