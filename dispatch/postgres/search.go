package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const clearSearchWordsSQL = `
DELETE FROM search_words WHERE tenant_id = @tenant AND entity_id = ANY(@ids)`

const addSearchWordsSQL = `
INSERT INTO search_words (tenant_id, kind, word, entity_id)
SELECT @tenant, @kind, n.word, n.id FROM unnest(@words::text[], @entities::uuid[]) AS n (word, id)`

// wordsOf are the words by which one entity is found.
type wordsOf struct {
	id    uuid.UUID
	words []string
}

// putSearchWords replaces the words of entities of a kind.
func (t *tx) putSearchWords(ctx context.Context, kind string, list ...wordsOf) error {
	var changed, entities []uuid.UUID
	var words []string
	for _, entry := range list {
		changed = append(changed, entry.id)
		for _, word := range entry.words {
			words, entities = append(words, word), append(entities, entry.id)
		}
	}
	if _, err := t.exec(ctx, clearSearchWordsSQL, pgx.NamedArgs{"ids": changed}); err != nil {
		return err
	}
	_, err := t.exec(ctx, addSearchWordsSQL, pgx.NamedArgs{"kind": kind, "words": words, "entities": entities})
	return err
}

// foundByFirst is the condition that entity e has a word that starts with the
// longest word of the query; it is what the index is asked. Plain text is
// compared, which row-level security lets into index conditions; the upper bound
// is the prefix with the last character of Unicode behind it.
const foundByFirst = `e.id IN (
		SELECT w.entity_id FROM search_words w
		WHERE w.tenant_id = @tenant AND w.kind = @kind
			AND w.word >= @first::text AND w.word < @first::text || chr(1114111))`

// foundByAll is the condition that entity e has, for each word of the query, a
// word that starts with it; an empty query finds everything.
const foundByAll = `NOT EXISTS (
		SELECT FROM unnest(@prefixes::text[]) AS q (prefix)
		WHERE NOT EXISTS (
			SELECT FROM search_words w
			WHERE w.tenant_id = @tenant AND w.entity_id = e.id
				AND w.word >= q.prefix COLLATE "C" AND w.word < (q.prefix || chr(1114111)) COLLATE "C"))`

// search runs the query for names in order: all of them where nothing is asked
// for, else those found by the words. Both queries take the key after which they
// begin.
func search[T any](ctx context.Context, t *tx, kind, listSQL, searchSQL, query string, page dispatch.Page,
	pairs pgx.NamedArgs, scan pgx.RowToFunc[T], key func(T) (string, uuid.UUID),
) ([]T, string, error) {
	name, id, err := textAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	pairs["after_name"], pairs["after_id"], pairs["limit"] = name, id, page.Size+1
	sql, prefixes := listSQL, dispatch.SearchPrefixes(query)
	if len(prefixes) > 0 {
		longest := slices.MaxFunc(prefixes, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
		sql, pairs["kind"], pairs["first"], pairs["prefixes"] = searchSQL, kind, longest, prefixes
	}
	rows, err := narrowed(ctx, t, sql, pairs, scan)
	rows, next := cut(rows, page.Size, func(row T) string { return textKey(key(row)) })
	return rows, next, err
}
