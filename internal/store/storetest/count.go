package storetest

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
)

// Statement is one statement that went to a database, with its values.
type Statement struct {
	SQL  string
	Args []any
}

// Statements hears the statements of a store, for counting them and for reading
// their plans. It is safe for concurrent use.
type Statements struct {
	mu  sync.Mutex
	all []Statement
}

// Hear is a store.Options.Statement.
func (s *Statements) Hear(sql string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, Statement{sql, slices.Clone(args)})
}

// During returns what was said to the database while do ran, without the
// beginning and the end of transactions.
func (s *Statements) During(do func()) []Statement {
	s.mu.Lock()
	from := len(s.all)
	s.mu.Unlock()
	do()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.all[from:]), func(st Statement) bool {
		word, _, _ := strings.Cut(strings.ToLower(st.SQL), " ")
		return slices.Contains([]string{"begin", "commit", "rollback"}, word)
	})
}

// EachHeard is Each with what hears the statements of the store.
func EachHeard(t *testing.T, test func(t *testing.T, s *store.Store, heard *Statements)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		heard := &Statements{}
		test(t, openWith(t, liteFile(t), store.Options{Statement: heard.Hear}), heard)
	})
	t.Run("postgres", func(t *testing.T) {
		heard := &Statements{}
		test(t, openWith(t, takeDatabase(t, server(t)), store.Options{Statement: heard.Hear}), heard)
	})
}

// Texts are the statements' words, for telling what was said.
func Texts(all []Statement) string {
	var b strings.Builder
	for _, st := range all {
		b.WriteString(st.SQL)
		b.WriteString("\n")
	}
	return b.String()
}
