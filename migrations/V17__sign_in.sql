-- How people sign in: passwords, sessions, identities of others, and what keeps guessing slow. A person belongs to no
-- tenant, and neither does what that person signs in with; what a tenant says of sign-in has the tenant first.

-- A person without a row has no password.
CREATE TABLE passwords (
    user_id     TEXT    NOT NULL PRIMARY KEY,
    -- Argon2id, in PHC form, with its parameters and salt.
    hash        TEXT    NOT NULL,
    set_at      BIGINT  NOT NULL,
    -- Whether it opens nothing but the way to another one.
    must_change BOOLEAN NOT NULL DEFAULT FALSE,
    -- NULL where it does not end.
    expires_at  BIGINT,
    FOREIGN KEY (user_id) REFERENCES users (id)
);

-- Links by which a person sets a password once, made by an operator. A person has one at most.
CREATE TABLE password_resets (
    user_id     TEXT   NOT NULL PRIMARY KEY,
    id          TEXT   NOT NULL UNIQUE,
    secret_hash BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    FOREIGN KEY (user_id) REFERENCES users (id)
);

-- Who is signed in. A session that ended has no row.
CREATE TABLE sessions (
    id           TEXT    NOT NULL PRIMARY KEY,
    user_id      TEXT    NOT NULL,
    secret_hash  BYTEA   NOT NULL,
    method       TEXT    NOT NULL CHECK (method IN ('password', 'openid', 'platform')),
    -- The tenant that it acts in now; NULL where the person has chosen none.
    tenant_id    TEXT,
    -- Whether it acts in that tenant alone, and never as an operator.
    is_confined  BOOLEAN NOT NULL,
    device       TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    last_seen_at BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    FOREIGN KEY (user_id) REFERENCES users (id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_sessions_user ON sessions (user_id, last_seen_at);
CREATE INDEX idx_sessions_expires_at ON sessions (expires_at);

-- What failed, and until when the next attempt waits. The keys are keyed hashes, also of addresses that nobody has.
CREATE TABLE sign_in_failures (
    kind          TEXT   NOT NULL CHECK (kind IN ('account', 'address', 'account_and_address')),
    key           BYTEA  NOT NULL,
    failures      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX idx_sign_in_failures_last_at ON sign_in_failures (last_at);

-- From where people have signed in before: what strangers fail at elsewhere keeps nobody waiting there.
CREATE TABLE known_addresses (
    user_id TEXT   NOT NULL,
    -- A keyed hash.
    address BYTEA  NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, address),
    FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX idx_known_addresses_seen_at ON known_addresses (seen_at);

-- The OpenID providers that a tenant lets its people sign in by.
CREATE TABLE identity_providers (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    revision      BIGINT  NOT NULL,
    name          TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    client_id     TEXT    NOT NULL,
    -- Sealed; NULL for a client that has none.
    client_secret BYTEA,
    -- The claim whose words are groups; NULL where groups give no role.
    group_claim   TEXT,
    -- A JSON array of {group, role}: the first that matches counts.
    role_mapping  TEXT    NOT NULL,
    -- The role of whoever no group gives one; NULL where that person is not let in.
    default_role  TEXT,
    is_active     BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    -- Whoever set it last: it gives no right that this person does not hold.
    set_by        TEXT,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT unique_client_per_tenant UNIQUE (tenant_id, issuer, client_id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);

-- Whom an issuer knows by which subject, in one tenant. Never by an address.
CREATE TABLE identities (
    tenant_id    TEXT   NOT NULL,
    issuer       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL,
    -- What the issuer says, for people to read; it decides nothing.
    email        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, issuer, subject),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX idx_identities_user ON identities (tenant_id, user_id);

-- Sign-ins that are at their provider. Each row is taken once.
CREATE TABLE openid_attempts (
    tenant_id    TEXT   NOT NULL,
    -- A hash of the state.
    id           BYTEA  NOT NULL,
    provider_id  TEXT   NOT NULL,
    -- A hash of what the browser was given to keep.
    browser_hash BYTEA  NOT NULL,
    -- Sealed: nonce and code verifier.
    secrets      BYTEA  NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES identity_providers (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_openid_attempts_expires_at ON openid_attempts (tenant_id, expires_at);

-- Tokens of the host platform that were presented: none is taken twice.
CREATE TABLE platform_tokens (
    tenant_id  TEXT   NOT NULL,
    -- A hash of issuer and jti.
    id         BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_platform_tokens_expires_at ON platform_tokens (tenant_id, expires_at);

-- The session by which a person sent a dead letter again.
ALTER TABLE event_deliveries ADD COLUMN redriven_session TEXT;
