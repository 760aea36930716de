-- Outbound HTTP: which hosts a tenant lets its scripts reach, and which chains of executions have come back to this
-- deployment over the network.

-- A tenant without a row lets its scripts reach whatever the operator's list names.
CREATE TABLE egress_hosts (
    tenant_id TEXT   NOT NULL,
    -- A JSON array of names and wildcards.
    hosts     TEXT   NOT NULL,
    set_by    TEXT,
    set_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);

-- How many requests each chain has led to, under the tenant whose execution began it. Old rows go with new ones.
CREATE TABLE lineage_roots (
    tenant_id TEXT   NOT NULL,
    root      TEXT   NOT NULL,
    continued BIGINT NOT NULL CHECK (continued > 0),
    began_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, root),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_lineage_roots_began_at ON lineage_roots (tenant_id, began_at);

-- The chain of an execution that was accepted and goes on with one. An execution without a row begins its own.
CREATE TABLE execution_lineages (
    tenant_id      TEXT   NOT NULL,
    execution_id   TEXT   NOT NULL,
    root_tenant_id TEXT   NOT NULL,
    root           TEXT   NOT NULL,
    hop            BIGINT NOT NULL CHECK (hop > 0),
    PRIMARY KEY (tenant_id, execution_id),
    FOREIGN KEY (tenant_id, execution_id) REFERENCES executions (tenant_id, id) ON DELETE CASCADE
);
