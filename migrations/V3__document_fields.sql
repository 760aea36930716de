-- What documents are filtered and sorted by: a row for each field that the collection's schema declares, because no
-- expression reads a JSON path in both databases, and because rows can be indexed.

-- The revision of the last change to any of its documents: a list is unchanged while this is.
ALTER TABLE collections ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
-- Whether document_fields follows the schema as it is now.
ALTER TABLE collections ADD COLUMN is_indexed BOOLEAN NOT NULL DEFAULT FALSE;

-- What the document counts in its tenant's storage: id, body and fields.
ALTER TABLE documents ADD COLUMN stored_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE documents SET stored_bytes = octet_length(id) + octet_length(body);

CREATE TABLE document_fields (
    tenant_id  TEXT NOT NULL,
    collection TEXT NOT NULL,
    id         TEXT NOT NULL,
    -- A path of names with dots; with [] behind it for the elements of an array.
    field      TEXT NOT NULL,
    -- A text that sorts among others as its value does, whatever the value's type.
    value      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, collection, id, field, value),
    FOREIGN KEY (tenant_id, collection, id) REFERENCES documents (tenant_id, collection, id) ON DELETE CASCADE
);
CREATE INDEX idx_document_fields_value ON document_fields (tenant_id, collection, field, value, id);
