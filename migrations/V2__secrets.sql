-- Secrets: what a script can use and never read (RULES 22).
--
-- The record says where a secret may be put, and it is the record that is judged at each use. Nothing refers to a script
-- by a foreign key: the list of scripts is under mac, which a cascade could not renew, and an id is never used twice.
CREATE TABLE secrets (
    tenant_id     TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    revision      BIGINT NOT NULL,
    -- Counts the values that the secret has had, from 1. A sealed value opens for its own number only.
    value_version BIGINT NOT NULL CHECK (value_version > 0),
    -- Lists as JSON: origins, placements, ids of scripts.
    origins       TEXT   NOT NULL,
    placements    TEXT   NOT NULL,
    scripts       TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    created_by    TEXT,
    updated_at    BIGINT NOT NULL,
    updated_by    TEXT,
    value_set_at  BIGINT NOT NULL,
    -- Over everything that decides where the value goes, and the sealed value. The application verifies it at each use.
    mac           BYTEA  NOT NULL,
    -- Sealed.
    value         BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, name),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id),
    FOREIGN KEY (tenant_id, updated_by) REFERENCES memberships (tenant_id, user_id)
);
