-- What was accepted for a version waits once its author has left, until somebody takes the version over: whose rights it
-- has from then on.
ALTER TABLE script_versions ADD COLUMN adopted_by TEXT;

-- Operators' requests have keys too. Their tenant is the deployment's, '00000000-0000-0000-0000-000000000000', which is no
-- row of tenants: so nothing is referred to here.
ALTER TABLE api_requests RENAME TO api_requests_before;
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
    PRIMARY KEY (tenant_id, request)
);
INSERT INTO api_requests (tenant_id, request, fingerprint, state, owner_epoch, answer, expires_at)
SELECT tenant_id, request, fingerprint, state, owner_epoch, answer, expires_at FROM api_requests_before;
DROP TABLE api_requests_before;
CREATE INDEX idx_api_requests_expires_at ON api_requests (tenant_id, expires_at);

-- Where the audit log of a tenant begins, once rows were removed by their age: the last removed row's number and the
-- chain's value behind it, which the next row rests on. Rows are removed up to there and no further.
CREATE TABLE audit_anchors (
    tenant_id TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    chain     BYTEA  NOT NULL,
    -- A MAC over all of this, by a key that is not in the database: nobody else says where a log begins.
    seal      BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id)
);
