package storetest

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
)

// EachLocale is Each, and once more on PostgreSQL in a database whose locale is not
// C: what is a letter there, and how it is folded, differs.
func EachLocale(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	Each(t, test)
	t.Run("postgres C.UTF-8", func(t *testing.T) {
		u := freshDatabase(t, server(t), "template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
		if err := migrate(u); err != nil {
			t.Fatal(err)
		}
		test(t, open(t, u))
	})
}

// Limited returns the URL of an empty PostgreSQL database for a user who may make
// tables there, and no extension, and what runs statements as the server's owner.
func Limited(tb testing.TB) (databaseURL string, owner func(statements ...string)) {
	tb.Helper()
	admin := server(tb)
	role := "tokendesk_test_" + strings.ToLower(rand.Text()[:16])
	if err := run(admin, "CREATE ROLE "+role); err != nil {
		tb.Fatalf("create a PostgreSQL role: %v", err)
	}
	tb.Cleanup(func() { // after its database
		if err := run(admin, "DROP ROLE "+role); err != nil {
			tb.Errorf("drop the PostgreSQL role: %v", err)
		}
	})
	database := freshDatabase(tb, admin, "template0")
	owner = func(statements ...string) {
		tb.Helper()
		if err := run(database, statements...); err != nil {
			tb.Fatal(err)
		}
	}
	owner("GRANT ALL ON SCHEMA public TO " + role)
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	q := u.Query()
	q.Set("options", fmt.Sprintf("-c role=%s", role))
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), owner
}
