-- Every action that changes something, and every refused one. A row is written in the transaction of what it tells of,
-- and never changed or removed: triggers, which differ by database and are made where it is opened, see to that.
--
-- The deployment's own chain, of what operators do, has the tenant '00000000-0000-0000-0000-000000000000', which no
-- tenant's row has: so nothing is referred to here. A tenant that is deleted keeps its rows.
CREATE TABLE audit_log (
    tenant_id        TEXT    NOT NULL,
    -- Counts the rows of the tenant from 1, without gaps.
    seq              BIGINT  NOT NULL,
    at               BIGINT  NOT NULL,
    action           TEXT    NOT NULL,
    outcome          TEXT    NOT NULL CHECK (outcome IN ('done', 'refused')),
    actor            TEXT    NOT NULL CHECK (actor IN ('token', 'session', 'local', 'public', 'system')),
    actor_user_id    TEXT,
    actor_token_id   TEXT,
    actor_session_id TEXT,
    -- What the action was done to: an id, or a name where that is its address.
    object           TEXT    NOT NULL,
    -- What else there is to know, as JSON; never a secret and never a source.
    detail           TEXT,
    -- The request's id, and the address that it came from; NULL where no request asked.
    request_id       TEXT,
    address          TEXT,
    -- The digest of everything above, and a MAC over the MAC of the row before and this digest. Its key is not in the
    -- database, so that whoever can write here cannot make a chain.
    digest           BYTEA   NOT NULL,
    chain            BYTEA   NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX idx_audit_log_at ON audit_log (tenant_id, at);

-- Requests of nobody that is known, refused: counted by minute and address, and not rows of the log, so that whoever
-- guesses tokens does not fill it. Addresses past the bound of a minute are counted together, under ''. The tenant is
-- the one of the refused request where it named one, and else the deployment's.
CREATE TABLE audit_refusals (
    tenant_id TEXT    NOT NULL,
    minute    BIGINT  NOT NULL,
    address   TEXT    NOT NULL,
    refusals  BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, minute, address)
);

-- Requests to the API that came with an Idempotency-Key, and what each was answered, for a day.
CREATE TABLE api_requests (
    tenant_id   TEXT    NOT NULL,
    -- A MAC over who asked and the key.
    request     TEXT    NOT NULL,
    -- A digest of what was asked: method, address, body.
    fingerprint BYTEA   NOT NULL,
    -- 'begun': nothing is done yet; 'effected': it is done, by the transaction that wrote this; 'answered'.
    state       TEXT    NOT NULL CHECK (state IN ('begun', 'effected', 'answered')),
    -- The process that handles it.
    owner_epoch BIGINT  NOT NULL,
    -- Status, headers and body, sealed; NULL until it is answered.
    answer      BYTEA,
    expires_at  BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, request),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_api_requests_expires_at ON api_requests (tenant_id, expires_at);
