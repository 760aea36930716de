-- The JSON Schema of a version's argument, as its types or comments have it; null where they say nothing.
ALTER TABLE script_versions ADD COLUMN input_schema TEXT;
