-- +goose Up
-- What people type to find a customer, contact, site or asset: the words of its
-- text in one normal form. A btree over words serves "starts with" under
-- row-level security, where the operators of text search are not leakproof and
-- would fall out of index conditions.
CREATE TABLE search_words (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind      text NOT NULL CHECK (kind IN ('customers', 'contacts', 'sites', 'assets')),
    word      text COLLATE "C" NOT NULL,
    entity_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, kind, word, entity_id)
);
CREATE INDEX search_words_entity ON search_words (tenant_id, entity_id, word);
CALL guard_tenant('search_words');

-- Lists are in the order of names, which is also the order of their pages.
CREATE INDEX customers_name ON customers (tenant_id, (display_name COLLATE "C"), id) WHERE merged_into IS NULL;
CREATE INDEX sites_address ON sites (tenant_id, (address COLLATE "C"), id);
CREATE INDEX assets_name ON assets (tenant_id, (display_name COLLATE "C"), id);
CREATE INDEX absences_start ON absences (tenant_id, starts_at, id);
